"""The comparison as pictures."""

import math
from collections.abc import Mapping, Sequence
from itertools import count

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mpi_cascade.evaluation.convergence import Progress
from mpi_cascade.evaluation.methods import FINAL, ZERO_IMAGE
from mpi_cascade.evaluation.summary import Summary
from mpi_cascade.evaluation.tables import ALONG_X, VARIED_ALONG_X
from mpi_cascade.evaluation.thresholds import ALL_NULLS

MARKERS = "os^Dv*PX<>"
"""Of ten methods each."""

AS_BELIEVED = "as believed"

_GAP_MM = 0.3


def quality_by_set(
    summaries: Sequence[Summary], set_names: Sequence[str], metric: str, axis_label: str
) -> Figure:
    """Returns one metric of the final images on many sets: a row per set, a mark per method.

    Args:
        summaries: The results.
        set_names: The sets, from the top down.
        metric: Name of the metric.
        axis_label: What it is, with its unit.
    """
    num_labels = len({item.label for item in summaries})
    figure = Figure(
        figsize=(8.5, 1.6 + len(set_names) * (0.25 + 0.09 * num_labels)), layout="constrained"
    )
    axis = figure.subplots()
    _draw_rows(axis, summaries, [(name, metric, None) for name in set_names])
    axis.set_yticks(range(len(set_names)), set_names)
    axis.set_ylim(len(set_names) - 0.5, -0.5)
    axis.set_xlabel(f"{axis_label} (mean and 95 % interval)")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


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
    for axis, (title, metric, gap_mm, stem, believed) in zip(axes, panels, strict=True):
        sets_shown = (believed, *(f"{stem}{name}" for name in names))
        _draw_rows(axis, summaries, [(name, metric, gap_mm) for name in sets_shown])
        axis.set_xlabel(title)
    axes[-1].axvline(0, color="0.6", linewidth=0.8)
    axes[0].set_yticks(range(len(names) + 1), [AS_BELIEVED, *names])
    axes[0].set_ylim(len(names) + 0.5, -0.5)
    handles, _ = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    return figure


def _draw_rows(
    axis: Axes, summaries: Sequence[Summary], rows: Sequence[tuple[str, str, float | None]]
) -> None:
    """Draws a mark for each method in each row, a set, metric and gap, of the final images."""
    found = {item[:5]: item for item in summaries}
    labels = list(dict.fromkeys(item.label for item in summaries))
    marked: list[Summary] = []
    for number, label in enumerate(labels):
        offset = 0.7 * ((number + 0.5) / len(labels) - 0.5)
        items = [found.get((label, FINAL, *row)) for row in rows]
        shown = [(place + offset, item) for place, item in enumerate(items) if item]
        marked += [item for _, item in shown]
        axis.errorbar(
            [item.value for _, item in shown],
            [place for place, _ in shown],
            # Rounding may put a value a little beyond its interval.
            xerr=[[max(item.value - item.low, 0.0) for _, item in shown],
                  [max(item.high - item.value, 0.0) for _, item in shown]],
            fmt=MARKERS[number // 10 % len(MARKERS)], color=f"C{number % 10}", markersize=4,
            linewidth=1, label=label,
        )  # fmt: skip
    _limit_to_marks(axis, marked)
    axis.grid(axis="x", color="0.9")


def quality_over_time(
    progress: Mapping[str, Sequence[Progress]],
    times_s: Mapping[str, float],
    quality_db: Mapping[str, float],
) -> Figure:
    """Returns PSNR and dip against time per image: curves of iterative solvers, marks for others.

    Args:
        progress: Iterative solvers, by label, on their validation images.
        times_s: Time per image in s of every method.
        quality_db: Mean PSNR in dB of every method on the same images as the curves of PSNR.
    """
    figure = Figure(figsize=(8, 8), layout="constrained")
    quality, dip = figure.subplots(2, sharex=True)
    numbers = count()
    for label, steps in progress.items():
        number = next(numbers)
        name = f"{label}, up to {steps[-1].iteration} iterations"
        _iteration_curve(quality, steps, [step.psnr_db for step in steps], number, name)
        _iteration_curve(dip, steps, [step.mean_dip for step in steps], number, "")
    for label, time_s in times_s.items():
        if label == ZERO_IMAGE or label in progress:
            continue
        number = next(numbers)
        quality.plot(
            1e3 * time_s, quality_db[label], linestyle="none", color=f"C{number % 10}",
            marker=MARKERS[number % len(MARKERS)], label=label,
        )  # fmt: skip
    quality.set(xscale="log", ylabel="mean PSNR on the tuning scans / dB")
    dip.set(
        xlabel="time per image / ms, computed in batches",
        ylabel="mean dip of the tuning pairs (iterative solvers)",
    )
    for axis in (quality, dip):
        axis.grid(color="0.9")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def _iteration_curve(
    axis: Axes, steps: Sequence[Progress], values: Sequence[float], number: int, label: str
) -> None:
    times_ms = [1e3 * step.time_s for step in steps]
    axis.plot(times_ms, values, marker=".", linewidth=1, color=f"C{number % 10}", label=label)


def _limit_to_marks(axis: Axes, items: Sequence[Summary]) -> None:
    """Shows every mark; an interval far wider than all marks lie apart runs out of the picture."""
    items = [item for item in items if math.isfinite(item.value)]
    if not items:
        return
    lowest, highest = min(item.value for item in items), max(item.value for item in items)
    room = highest - lowest or 1.0
    left = max(min(item.low for item in items), lowest - room)
    right = min(max(item.high for item in items), highest + room)
    margin = 0.03 * (right - left or 1.0)
    axis.set_xlim(left - margin, right + margin)
