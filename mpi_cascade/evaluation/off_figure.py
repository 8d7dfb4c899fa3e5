"""The picture of scanners that are off."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mpi_cascade.evaluation.figures import MARKERS, limit_to_marks
from mpi_cascade.evaluation.methods import FINAL
from mpi_cascade.evaluation.summary import Summary
from mpi_cascade.evaluation.tables import ALONG_X, VARIED_ALONG_X
from mpi_cascade.evaluation.thresholds import ALL_NULLS

AS_BELIEVED = "as believed"

_GAP_MM = 0.3


def off_scanner_figure(summaries: Sequence[Summary], names: Sequence[str]) -> Figure:
    """Returns what methods make of scanners that are off, a row for each, and one that is not.

    Of the latter PSNR and mass bias are those of the phantoms, splits those of all nulls, and pairs
    those along x, of 0.4 mm where there are any.

    Args:
        summaries: The results.
        names: Names of the true scanners, from the top down.
    """
    sets = {item.set_name for item in summaries}
    pairs = next((name for name in (ALONG_X, VARIED_ALONG_X) if name in sets), "")
    panels = (
        ("PSNR / dB", "psnr_db", None, "", "phantoms"),
        (f"pairs resolved at {_GAP_MM:g} mm", "resolved_at_1pct", _GAP_MM, "pairs, ", pairs),
        ("nulls split", "split_at_1pct", None, "nulls, ", ALL_NULLS),
        ("mass bias", "mass_bias", None, "", "phantoms"),
    )
    labels = list(dict.fromkeys(item.label for item in summaries))
    figure = Figure(
        figsize=(14, 1.6 + (len(names) + 1) * (0.3 + 0.09 * len(labels))), layout="constrained"
    )
    axes = figure.subplots(1, len(panels), sharey=True)
    found = {
        (item.label, item.set_name, item.metric, item.gap_mm): item
        for item in summaries
        if item.image == FINAL
    }
    for axis, (title, metric, gap_mm, stem, believed) in zip(axes, panels, strict=True):
        marked: list[Summary] = []
        for number, label in enumerate(labels):
            offset = 0.7 * ((number + 0.5) / len(labels) - 0.5)
            rows = [
                found.get((label, set_name, metric, gap_mm))
                for set_name in (believed, *(f"{stem}{name}" for name in names))
            ]
            shown = [(place + offset, item) for place, item in enumerate(rows) if item]
            marked += [item for _, item in shown]
            _marks(axis, shown, number, label)
        limit_to_marks(axis, marked)
        axis.set_xlabel(title)
        axis.grid(axis="x", color="0.9")
    axes[-1].axvline(0, color="0.6", linewidth=0.8)
    axes[0].set_yticks(range(len(names) + 1), [AS_BELIEVED, *names])
    axes[0].set_ylim(len(names) + 0.5, -0.5)
    handles, _ = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    return figure


def _marks(axis: Axes, shown: Sequence[tuple[float, Summary]], number: int, label: str) -> None:
    axis.errorbar(
        [item.value for _, item in shown],
        [place for place, _ in shown],
        xerr=[
            [max(item.value - item.low, 0.0) for _, item in shown],
            [max(item.high - item.value, 0.0) for _, item in shown],
        ],
        fmt=MARKERS[number // 10 % len(MARKERS)], color=f"C{number % 10}", markersize=4,
        linewidth=1, label=label,
    )  # fmt: skip
