"""What is measured on each kind of scans: the columns of every case, and what follows from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mpi_cascade.evaluation.intervals import (
    Interval,
    bootstrap_interval,
    student_interval,
    wilson_interval,
)
from mpi_cascade.metrics import functional, resolution
from mpi_cascade.metrics.functional import tracer_mass
from mpi_cascade.metrics.resolution import RAYLEIGH_DIP, resolvable_gap
from mpi_cascade.phantoms.scenes import PairGeometry
from mpi_cascade.scans.simulated import Sample

Columns = Mapping[str, NDArray[np.float64]]
"""Values of cases by the name of the column, each (cases,), NaN where one is undefined."""

MassFunction = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
Size = tuple[float, float]
"""The field of view (y, x) in m."""

Measure = Callable[[Tensor, Sample, Size], Tensor]
"""Maps images (batch, 1, y, x), their scans and the field of view to a value per case."""


class Estimate(NamedTuple):
    """A statistic of cases.

    Attributes:
        value: The statistic.
        low: Lower end of its 95 % interval over the cases.
        high: Upper end.
        num_cases: Cases on which it is defined.
    """

    value: float
    low: float
    high: float
    num_cases: int


Statistic = Callable[[Columns], Estimate]


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of scans, and what is measured on them.

    Args:
        columns: What is measured on each case, by name.
        of_all: Statistics over all cases of a set, by the name of the metric.
        of_gaps: Statistics over the cases of each gap.
    """

    columns: Mapping[str, Measure]
    of_all: Mapping[str, Statistic]
    of_gaps: Mapping[str, Statistic] = field(default_factory=dict)


def mean_of(column: str) -> Statistic:
    """Returns the mean of a column over the cases where it is defined, as a statistic."""

    def mean(columns: Columns) -> Estimate:
        values = columns[column]
        return _estimate(student_interval, values[~np.isnan(values)])

    return mean


def share_above(column: str, threshold: float) -> Statistic:
    """Returns the share of the cases that reach a threshold, as a statistic."""

    def share(columns: Columns) -> Estimate:
        return _estimate(wilson_interval, columns[column] >= threshold)

    return share


def gap_resolved_above(threshold: float) -> Statistic:
    """Returns the smallest gap in mm from which on nearly every dip reaches a threshold.

    Its interval reaches from the smallest gap that the upper ends of every gap's Wilson interval
    allow, to the smallest that the lower ends guarantee: NaN at the upper end means that so few
    cases cannot show it.
    """

    def gap_mm(columns: Columns) -> Estimate:
        gaps_mm = np.unique(columns["gap_mm"])
        shares = [
            wilson_interval(columns["dip"][columns["gap_mm"] == gap] >= threshold)
            for gap in gaps_mm
        ]
        value, highest, lowest = (
            float(resolvable_gap(torch.from_numpy(gaps_mm), torch.tensor(of_gaps)))
            for of_gaps in (zip(*shares, strict=True) if shares else [[]] * 3)
        )
        return Estimate(value, lowest, highest, len(columns["dip"]))

    return gap_mm


def mass_statistic(function: MassFunction) -> Statistic:
    """Returns a function of true and recovered tracer masses as a statistic."""

    def of_masses(columns: Columns) -> Estimate:
        rows = np.stack((columns["true_mass_m2"], columns["mass_m2"]), axis=1)
        rows = rows[~np.isnan(rows).any(axis=1)]
        return Estimate(
            *bootstrap_interval(rows, lambda tables: function(tables[..., 0], tables[..., 1])),
            num_cases=len(rows),
        )

    return of_masses


def mass_bias(true: NDArray[np.float64], recovered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns Σ(m̂ − m)/Σm over images of tracer m, recovered as m̂; NaN without any tracer.

    0 is best, negative loses tracer. It is relative to all tracer, not image by image, so that
    nearly empty images don't rule it.

    Args:
        true: The tracer m of each image, (…, images).
        recovered: The tracer m̂.
    """
    total = true.sum(axis=-1)
    total = np.where(total > 0, total, np.nan)
    return np.asarray((recovered.sum(axis=-1) - total) / total)


def mass_r2(true: NDArray[np.float64], recovered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns R² = 1 − Σ(m̂ − m)²/Σ(m − m̄)² of images of tracer m, recovered as m̂.

    It is negative if bad, and NaN where all images hold the same tracer.

    Args:
        true: The tracer m of each image, (…, images).
        recovered: The tracer m̂.
    """
    scatter = np.square(true - true.mean(axis=-1, keepdims=True)).sum(axis=-1)
    # The mean of equal numbers may differ from them by rounding.
    scatter = np.where(true.min(axis=-1) < true.max(axis=-1), scatter, np.nan)
    return np.asarray(1 - np.square(recovered - true).sum(axis=-1) / scatter)


def _estimate(interval: Callable[[NDArray[Any]], Interval], values: NDArray[Any]) -> Estimate:
    return Estimate(*interval(values), num_cases=len(values))


def _against_truth(function: Callable[[Tensor, Tensor], Tensor]) -> Measure:
    return lambda estimate, sample, size_m: function(estimate, sample.concentration)


def _dip(estimate: Tensor, sample: Sample, size_m: Size) -> Tensor:
    return resolution.pair_dip(estimate, _pairs(sample), size_m)


def _disc_non_uniformity(estimate: Tensor, sample: Sample, size_m: Size) -> Tensor:
    return resolution.disc_non_uniformity(estimate, _pairs(sample), size_m)


def _width_mm(estimate: Tensor, sample: Sample, size_m: Size) -> Tensor:
    disc = _pairs(sample)
    return 1e3 * resolution.full_width_half_maximum(
        estimate, disc.centre_m, disc.direction, disc.diameter_m, size_m
    )


def _localisation_error_mm(estimate: Tensor, sample: Sample, size_m: Size) -> Tensor:
    disc = _pairs(sample)
    return 1e3 * resolution.localisation_error(estimate, disc.centre_m, disc.diameter_m, size_m)


def _pairs(sample: Sample) -> PairGeometry:
    assert sample.pairs is not None, "phantoms have no geometry of pairs or discs"
    return sample.pairs


def _means(*names: str) -> dict[str, Statistic]:
    return {name: mean_of(name) for name in names}


_QUALITY = {
    "psnr_db": _against_truth(functional.psnr),
    "ssim": _against_truth(functional.ssim),
    "nrmse": _against_truth(functional.nrmse),
    "non_uniformity": _against_truth(functional.non_uniformity),
    "ghost_energy": _against_truth(functional.ghost_energy),
}

PHANTOMS = Kind(
    columns={
        **_QUALITY,
        "true_mass_m2": lambda _, sample, size_m: tracer_mass(sample.concentration, size_m),
        "mass_m2": lambda estimate, _, size_m: tracer_mass(estimate, size_m),
    },
    of_all={
        **_means(*_QUALITY),
        "mass_bias": mass_statistic(mass_bias),
        "mass_r2": mass_statistic(mass_r2),
    },
)
"""Random phantoms: image quality and tracer mass."""

PAIRS = Kind(
    columns={"dip": _dip, "disc_non_uniformity": _disc_non_uniformity},
    of_all={
        "resolvable_gap_mm": gap_resolved_above(RAYLEIGH_DIP),
        **_means("disc_non_uniformity"),
    },
    of_gaps={
        "dip": mean_of("dip"),
        "resolved": share_above("dip", RAYLEIGH_DIP),
        **_means("disc_non_uniformity"),
    },
)
"""Two points: resolution."""

_FALSE_SPLITS = {"false_splits": share_above("dip", RAYLEIGH_DIP)}

CAPSULES = Kind(columns={"dip": _dip}, of_all=_FALSE_SPLITS, of_gaps=_FALSE_SPLITS)
"""Controls of the pairs, single capsules of their outlines: false splits."""

NULLS = Kind(columns={"dip": _dip}, of_all=_FALSE_SPLITS)
"""Single objects of any form: false splits."""

DISCS = Kind(
    columns={
        "width_mm": _width_mm,
        "localisation_error_mm": _localisation_error_mm,
        "disc_non_uniformity": _disc_non_uniformity,
        "psnr_db": _QUALITY["psnr_db"],
    },
    of_all=_means("width_mm", "localisation_error_mm", "disc_non_uniformity", "psnr_db"),
)
"""Single discs: width and place."""
