"""Tables of metrics as Markdown text.

Must not know how metrics were computed.
"""

from collections.abc import Mapping


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
    lines = [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(f"| {line} |" for line in lines)
