"""Tables of metrics as Markdown text.

Must not know how metrics were computed.
"""

from collections.abc import Mapping, Sequence


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table.

    Args:
        head: Headings.
        rows: The cells of each row.

    Examples:
        >>> print(markdown_table(["method", "dB"], [["ADMM", "28.6"]]))
        | method | dB |
        | --- | --- |
        | ADMM | 28.6 |
    """
    return _joined([head, ["---"] * len(head), *rows])


def _joined(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def metrics_table(metrics: Mapping[str, float]) -> str:
    """Returns a Markdown table, one row per metric and one column per kind of image.

    Args:
        metrics: Values by ``<split>/<image>/<metric>``.

    Examples:
        >>> print(metrics_table({"test/final/psnr": 31.5, "test/tikhonov/psnr": 25.25}))
        | metric          | final  | tikhonov |
        | --------------- | ------ | -------- |
        | psnr            | 31.500 | 25.250   |
    """
    images = list(dict.fromkeys(key.split("/")[1] for key in metrics))
    names = list(dict.fromkeys(key.split("/")[2] for key in metrics))
    split = next(iter(metrics)).split("/")[0]
    widths = [max(15, *map(len, names)), *(max(6, len(image)) for image in images)]
    rows = [["metric", *images], ["-" * width for width in widths]]
    for name in names:
        values = [metrics.get(f"{split}/{image}/{name}") for image in images]
        rows.append([name, *("–" if value is None else f"{value:.3f}" for value in values)])
    return _joined(
        [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    )
