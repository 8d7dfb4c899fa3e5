"""The comparison as pictures."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mpi_cascade.evaluation.convergence import Progress
from mpi_cascade.evaluation.methods import FINAL
from mpi_cascade.evaluation.summary import Summary

MARKERS = "os^Dv*PX<>"
"""Of ten methods each."""


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
    labels = list(dict.fromkeys(item.label for item in summaries))
    figure = Figure(
        figsize=(8.5, 1.6 + len(set_names) * (0.25 + 0.09 * len(labels))), layout="constrained"
    )
    axis = figure.subplots()
    marked: list[Summary] = []
    for number, label in enumerate(labels):
        offset = 0.7 * ((number + 0.5) / len(labels) - 0.5)
        rows = {
            item.set_name: item
            for item in summaries
            if (item.label, item.image, item.metric, item.gap_mm) == (label, FINAL, metric, None)
        }
        shown = [(place, rows[name]) for place, name in enumerate(set_names) if name in rows]
        marked += [item for _, item in shown]
        axis.errorbar(
            [item.value for _, item in shown],
            [place + offset for place, _ in shown],
            # Rounding may put a value a little beyond its interval.
            xerr=[[max(item.value - item.low, 0.0) for _, item in shown],
                  [max(item.high - item.value, 0.0) for _, item in shown]],
            fmt=MARKERS[number // 10 % len(MARKERS)], color=f"C{number % 10}", markersize=4,
            linewidth=1, label=label,
        )  # fmt: skip
    limit_to_marks(axis, marked)
    axis.set_yticks(range(len(set_names)), set_names)
    axis.set_ylim(len(set_names) - 0.5, -0.5)
    axis.set_xlabel(f"{axis_label} (mean and 95 % interval)")
    axis.grid(axis="x", color="0.9")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def quality_over_time(
    progress: Sequence[Progress], times_s: Mapping[str, float], quality_db: Mapping[str, float]
) -> Figure:
    """Returns PSNR against time per image: curves of iterative solvers, a mark for every method.

    Args:
        progress: Iterative solvers, on their validation images.
        times_s: Time per image in s of every method.
        quality_db: Mean PSNR in dB of every method on the same images as the curves.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    for label in dict.fromkeys(step.label for step in progress):
        steps = [step for step in progress if step.label == label]
        line = axis.plot(
            [1e3 * step.time_s for step in steps], [step.psnr_db for step in steps],
            marker=".", linewidth=1,
        )[0]  # fmt: skip
        last = steps[-1]
        axis.annotate(
            f"{label}, {last.iteration} iterations", (1e3 * last.time_s, last.psnr_db),
            xytext=(0, 6), textcoords="offset points", ha="right", color=line.get_color(),
        )  # fmt: skip
    for label, time_s in times_s.items():
        if any(step.label == label for step in progress):
            continue
        axis.plot(1e3 * time_s, quality_db[label], "k^")
        axis.annotate(
            label, (1e3 * time_s, quality_db[label]), xytext=(5, -3), textcoords="offset points"
        )
    axis.set(
        xscale="log",
        xlabel="time per image, in batches / ms",
        ylabel="mean PSNR on the tuning scans / dB",
    )
    axis.grid(color="0.9")
    return figure


def limit_to_marks(axis: Axes, items: Sequence[Summary]) -> None:
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
