"""The picture of the limit of detection."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mpi_cascade.evaluation.detection import IDEAL, Detection, DetectionLimit, ideal_share
from mpi_cascade.evaluation.detection_scans import STEPS
from mpi_cascade.evaluation.figures import MARKERS
from mpi_cascade.evaluation.methods import FINAL, ZERO_IMAGE


def detection_figure(found: Detection) -> Figure:
    """Returns the share of discs detected against their mass: a line per training of each method.

    Args:
        found: How little tracer methods detect; shown are final images, and no zero image.
    """
    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axis = figure.subplots()
    ideal = next(limit for limit in found.limits if limit.label == IDEAL)
    steps = np.geomspace(STEPS[0], STEPS[-1], 200)
    axis.plot(
        steps * ideal.mass_mm2, [100 * ideal_share(step) for step in steps], "k--",
        label=_entry(ideal),
    )  # fmt: skip
    axis.axhline(50, color="0.6", linewidth=0.8, linestyle=":")
    shown = [limit for limit in found.limits if limit.image == FINAL and limit.label != ZERO_IMAGE]
    labels = list(dict.fromkeys(limit.label for limit in shown))
    for limit in shown:
        _curve(axis, found, limit, labels.index(limit.label))
    axis.set(
        xscale="log", ylim=(-3, 103), xlabel="tracer in the disc, ∫ c dr / mm²",
        ylabel="discs detected / %, with 1 % false alarms",
    )  # fmt: skip
    of_ideal = axis.secondary_xaxis(
        "top",
        functions=(
            lambda mass: np.divide(mass, ideal.mass_mm2),
            lambda step: np.multiply(step, ideal.mass_mm2),
        ),
    )
    of_ideal.set_xlabel("… over the limit of the ideal observer")
    places = [step for step in STEPS if step in (0.5, 1, 2, 4, 8, 16, 32)]
    of_ideal.set_xticks(places, [f"{step:g}" for step in places])
    of_ideal.minorticks_off()
    axis.grid(color="0.9")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def _curve(axis: Axes, found: Detection, limit: DetectionLimit, number: int) -> None:
    shares = [share for share in found.shares if share[:3] == limit[:3]]
    color, marker = f"C{number % 10}", MARKERS[number // 10 % len(MARKERS)]
    axis.plot(
        [share.mass_mm2 for share in shares], [100 * share.share for share in shares],
        color=color, marker=marker, markersize=3, linewidth=1.2, label=_entry(limit),
    )  # fmt: skip
    axis.fill_between(
        [share.mass_mm2 for share in shares], [100 * share.low for share in shares],
        [100 * share.high for share in shares], color=color, alpha=0.1, linewidth=0,
    )  # fmt: skip
    axis.plot([limit.low_mm2, limit.high_mm2], [50, 50], color=color, marker="|", linewidth=2)


def _entry(limit: DetectionLimit) -> str:
    training = f" ({limit.number})" if limit.number else ""
    name = f"{limit.label}{training}"
    if math.isnan(limit.mass_mm2):
        return f"{name}: no limit found"
    return f"{name}: {limit.mass_mm2:.2g} mm²"
