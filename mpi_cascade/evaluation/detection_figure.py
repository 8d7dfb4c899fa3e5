"""The picture of the limit of detection."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mpi_cascade.evaluation.detection import IDEAL, Detection, DetectionLimit, ideal_share
from mpi_cascade.evaluation.detection_scans import STEPS
from mpi_cascade.evaluation.figures import MARKERS
from mpi_cascade.evaluation.methods import FINAL, ZERO_IMAGE
from mpi_cascade.evaluation.tables import or_dash


def detection_figure(found: Detection) -> Figure:
    """Returns the share of discs detected against their mass, and below it the limits.

    Every training has a line, and a row with its limit and 95 % interval.

    Args:
        found: How little tracer methods detect; shown are final images, and no zero image.
    """
    ideal = next(limit for limit in found.limits if limit.label == IDEAL)
    shown = [
        limit for limit in found.limits if limit.image == FINAL and limit.label != ZERO_IMAGE
    ]  # fmt: skip
    labels = list(dict.fromkeys(limit.label for limit in shown))
    height = 0.5 + 0.28 * (len(shown) + 1)
    figure = Figure(figsize=(8, 4.6 + height), layout="constrained")
    curves, limits = figure.subplots(2, sharex=True, height_ratios=(4, height))
    steps = np.geomspace(STEPS[0], STEPS[-1], 200)
    shares = [100 * ideal_share(step) for step in steps]
    curves.plot(steps * ideal.mass_mm2, shares, "k--")
    limits.plot(ideal.mass_mm2, 0, "k|", markersize=9)
    for row, limit in enumerate(shown, start=1):
        number = labels.index(limit.label)
        color, marker = f"C{number % 10}", MARKERS[number // 10 % len(MARKERS)]
        of_limit = [share for share in found.shares if share[:3] == limit[:3]]
        curves.plot(
            [share.mass_mm2 for share in of_limit], [100 * share.share for share in of_limit],
            color=color, marker=marker, markersize=4, linewidth=1.4,
        )  # fmt: skip
        # An end that isn't known runs out of the picture.
        high = STEPS[-1] * ideal.mass_mm2 if math.isnan(limit.high_mm2) else limit.high_mm2
        limits.plot([limit.low_mm2, high], [row, row], color=color, linewidth=1.4)
        limits.plot(limit.mass_mm2, row, color=color, marker=marker, markersize=5)
    _describe(curves, limits, ideal)
    _name_rows(limits, [ideal, *shown])
    return figure


def _describe(curves: Axes, limits: Axes, ideal: DetectionLimit) -> None:
    """Writes what the axes are; the upper one counts in limits of the ideal observer."""
    curves.set(
        xscale="log", xlim=(0.93 * STEPS[0] * ideal.mass_mm2, 1.07 * STEPS[-1] * ideal.mass_mm2),
        ylim=(-3, 103), ylabel="discs detected / %\nwith 1 % false alarms",
    )  # fmt: skip
    curves.axhline(50, color="0.6", linewidth=0.8, linestyle=":")
    over = curves.secondary_xaxis(
        "top",
        functions=(
            lambda mass: np.divide(mass, ideal.mass_mm2),
            lambda step: np.multiply(step, ideal.mass_mm2),
        ),
    )
    over.set_xlabel("tracer in the disc, over the limit of the ideal observer")
    steps = STEPS[::2]
    over.set_xticks(steps, [f"{step:g}" for step in steps])
    over.minorticks_off()
    limits.set_xlabel("tracer in the disc, ∫ c dr / mm² (rows: detected in half of the scans)")
    for axis in (curves, limits):
        axis.grid(color="0.9")


def _name_rows(axis: Axes, limits: Sequence[DetectionLimit]) -> None:
    """Names the rows in the colours of their lines, in place of a legend, with their masses."""
    axis.set_yticks(
        range(len(limits)),
        [f"{limit.label} ({limit.number})" if limit.number else limit.label for limit in limits],
    )
    axis.set_ylim(len(limits) - 0.4, -0.6)
    labels = list(dict.fromkeys(limit.label for limit in limits))
    for row, (name, limit) in enumerate(zip(axis.get_yticklabels(), limits, strict=True)):
        # The ideal observer, the first, is black.
        number = labels.index(limit.label) - 1
        name.set_color("k" if number < 0 else f"C{number % 10}")
        mass = or_dash(limit.mass_mm2, ".2g")
        axis.annotate(
            mass, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=9
        )
