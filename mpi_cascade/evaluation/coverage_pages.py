"""The table and the picture of how often intervals hold the truth."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from mpi_cascade.evaluation.interval_coverage import Coverage
from mpi_cascade.evaluation.tables import or_dash
from mpi_cascade.results.tables import markdown_table

_HEAD = (
    "intervals of", "scans", "guarantee", "pixels inside / %", "faint / middle / strong",
    "half width / %", "masses inside / %", "withheld / %",
)  # fmt: skip


def coverage_table(rows: Sequence[Coverage]) -> str:
    """Returns a Markdown table, a row for each method and set.

    Args:
        rows: What was found.
    """
    return markdown_table(_HEAD, [_cells(row) for row in rows])


def coverage_figure(rows: Sequence[Coverage]) -> Figure:
    """Returns the share of pixels inside for each set, a colour for each method.

    Where the guarantee holds the mark is filled, where it is void open.

    Args:
        rows: What was found.
    """
    names = list(dict.fromkeys(row.set_name for row in rows))
    titles = list(dict.fromkeys(title(row) for row in rows))
    figure = Figure(figsize=(8.4, 1.4 + 0.32 * len(names)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    for number, wanted in enumerate(titles):
        offset = 0.5 * ((number + 0.5) / len(titles) - 0.5)
        for row in (row for row in rows if title(row) == wanted):
            place = names.index(row.set_name) + offset
            is_first = row.set_name == names[0]
            ends = row.covered - row.covered_low, row.covered_high - row.covered
            left.errorbar(
                [100 * row.covered], [place], xerr=[[100 * max(end, 0)] for end in ends],
                fmt="o", color=f"C{number}", markersize=5,
                markerfacecolor=f"C{number}" if row.is_guaranteed else "white",
                label=wanted if is_first else None,
            )  # fmt: skip
            right.plot([100 * row.withheld], [place], "s", color=f"C{number}", markersize=4)
    left.axvline(100 * max(row.aim for row in rows), color="0.3", linestyle="--", linewidth=1)
    left.set_xlabel("pixels inside of their interval / %")
    right.set_xlabel("scans withheld / %")
    right.set_xlim(-4, 104)
    left.set_yticks(range(len(names)), names, fontsize="small")
    left.set_ylim(len(names) - 0.5, -0.5)
    for axis in (left, right):
        axis.grid(color="0.92")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
    )
    return figure


def title(row: Coverage) -> str:
    """Returns what the intervals of a row are called."""
    return f"{row.label}, ensemble" if row.number < 0 else row.label


def _cells(row: Coverage) -> list[str]:
    levels = " / ".join(_percent(value, 0) for value in (row.faint, row.middle, row.strong))
    covered = (
        f"{_percent(row.covered)} ({_percent(row.covered_low)} … {_percent(row.covered_high)})"
    )
    holds = "none" if row.number < 0 else "holds" if row.is_guaranteed else "void"
    return [
        title(row), row.set_name, holds, covered, levels, _percent(row.half_width),
        _percent(row.masses), _percent(row.withheld, 0),
    ]  # fmt: skip


def _percent(share: float, digits: int = 1) -> str:
    return or_dash(100 * share, f".{digits}f")
