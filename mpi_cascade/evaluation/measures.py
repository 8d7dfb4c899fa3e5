"""What is measured on each kind of scans: the columns of every case, and what follows from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from mpi_cascade.evaluation.estimates import (
    Statistic,
    gap_resolved,
    mass_bias,
    mass_r2,
    mass_statistic,
    mean_of,
    share_above_own,
    share_above_rayleigh,
)
from mpi_cascade.metrics import functional, resolution
from mpi_cascade.metrics.functional import tracer_mass
from mpi_cascade.phantoms.scenes import PairGeometry
from mpi_cascade.scans.simulated import Sample

Size = tuple[float, float]
"""The field of view (y, x) in m."""

Measure = Callable[[Tensor, Sample, Size], Tensor]
"""Maps images (batch, 1, y, x), their scans and the field of view to a value per case."""


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


def _against_truth(function: Callable[[Tensor, Tensor], Tensor]) -> Measure:
    return lambda estimate, sample, size_m: function(estimate, sample.concentration)


def dip(estimate: Tensor, sample: Sample, size_m: Size) -> Tensor:
    """Returns the dip of each pair, or of what might be taken for one, in its image, (batch,).

    Args:
        estimate: Images, (batch, 1, y, x).
        sample: Their scans.
        size_m: Size (y, x) of the images in m.
    """
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
    columns={"dip": dip, "disc_non_uniformity": _disc_non_uniformity},
    of_all={
        "resolvable_gap_mm": gap_resolved(share_above_own),
        "resolvable_gap_rayleigh_mm": gap_resolved(share_above_rayleigh),
        **_means("disc_non_uniformity"),
    },
    of_gaps={
        "resolved_at_1pct": share_above_own,
        "resolved": share_above_rayleigh,
        **_means("dip", "disc_non_uniformity"),
    },
)
"""Two points: resolution, at a method's own threshold and at Rayleigh's dip."""

_SPLITS: Mapping[str, Statistic] = {
    "split_at_1pct": share_above_own,
    "false_splits": share_above_rayleigh,
}

CAPSULES = Kind(columns={"dip": dip}, of_all=_SPLITS, of_gaps=_SPLITS)
"""Controls of the pairs, single capsules: splits at a method's own threshold and Rayleigh's dip."""

NULLS = Kind(columns={"dip": dip}, of_all=_SPLITS)
"""Single objects of any form: splits."""

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
