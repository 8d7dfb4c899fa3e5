"""Statistics over pairs, the capsules that are their controls, and single discs.

Must not know what made the images.
"""

import functools
from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor

from mpi_cascade.metrics.cases import CaseMean, CaseMetric, Rows
from mpi_cascade.metrics.resolution import (
    RAYLEIGH_DIP,
    disc_non_uniformity,
    full_width_half_maximum,
    localisation_error,
    pair_dip,
    resolvable_gap,
)
from mpi_cascade.phantoms.scenes import PairGeometry
from mpi_cascade.scans.simulated import Sample


class MeanDip(CaseMean):
    """Mean valley-to-peak dip of pairs.

    Args:
        field_of_view_m: Size (y, x) of the images in m.
    """

    def __init__(self, field_of_view_m: tuple[float, float]) -> None:
        super().__init__(functools.partial(_dip, field_of_view_m), higher_is_better=True)


class MeanDiscNonUniformity(CaseMean):
    """Mean coefficient of variation inside the discs of pairs.

    Args:
        field_of_view_m: Size (y, x) of the images in m.
    """

    def __init__(self, field_of_view_m: tuple[float, float]) -> None:
        super().__init__(functools.partial(_unevenness, field_of_view_m), higher_is_better=False)


class MeanWidth(CaseMean):
    """Mean full width at half maximum in m of single discs, along ``sample.pairs.direction``.

    Args:
        field_of_view_m: Size (y, x) of the images in m.
    """

    def __init__(self, field_of_view_m: tuple[float, float]) -> None:
        super().__init__(functools.partial(_width, field_of_view_m), higher_is_better=False)


class MeanLocalisationError(CaseMean):
    """Mean distance in m of single discs from their true centres.

    Args:
        field_of_view_m: Size (y, x) of the images in m.
    """

    def __init__(self, field_of_view_m: tuple[float, float]) -> None:
        super().__init__(functools.partial(_shift, field_of_view_m), higher_is_better=False)


class ResolvedFraction(CaseMetric):
    """Share of pairs that are resolved: whose dip is at least ``RAYLEIGH_DIP``.

    Args:
        field_of_view_m: Size (y, x) of the images in m.
    """

    higher_is_better = True

    def __init__(self, field_of_view_m: tuple[float, float]) -> None:
        super().__init__()
        self.field_of_view_m = field_of_view_m

    def measure(self, estimate: Tensor, sample: Sample) -> Tensor:
        """Returns 1 for each resolved pair and 0 for each other one, (batch, 1)."""
        return (_dip(self.field_of_view_m, estimate, sample) >= RAYLEIGH_DIP)[:, None]

    def statistic(self, rows: Rows) -> float:
        """Returns the share."""
        return float(rows.mean())

    def interval_of(self, rows: Rows, level: float) -> tuple[float, float]:
        """Returns the Wilson interval; a bootstrap of 0 out of n would be certain of 0."""
        return _wilson_interval(rows, level)


class FalseSplitRate(ResolvedFraction):
    """Share of single capsules that look like a pair, ``sample.pairs`` being their outline's."""

    higher_is_better = False


class ResolvableGap(CaseMetric):
    """Smallest gap in m from which on nearly every pair is resolved; NaN if there is none.

    Its interval reaches from the smallest gap that the upper ends of every gap's Wilson interval
    allow, to the smallest that the lower ends guarantee: NaN at the upper end means that so few
    cases cannot show it.

    Args:
        field_of_view_m: Size (y, x) of the images in m.
        level: Share of the pairs that counts as nearly every, 0 … 1.
    """

    higher_is_better = False
    num_columns = 2

    def __init__(self, field_of_view_m: tuple[float, float], level: float = 0.95) -> None:
        super().__init__()
        self.field_of_view_m = field_of_view_m
        self.level = level

    def measure(self, estimate: Tensor, sample: Sample) -> Tensor:
        """Returns the gap in m of each pair and whether it is resolved, (batch, 2)."""
        gap_m = _pairs(sample).gap_m
        is_resolved = _dip(self.field_of_view_m, estimate, sample) >= RAYLEIGH_DIP
        return torch.stack((gap_m, is_resolved.to(gap_m)), dim=1)

    def statistic(self, rows: Rows) -> float:
        """Returns the gap."""
        return self._gap_of(rows, lambda resolved: float(resolved.mean()))

    def interval_of(self, rows: Rows, level: float) -> tuple[float, float]:
        """Returns the gaps that the ends of every gap's Wilson interval give."""
        return (
            self._gap_of(rows, lambda resolved: _wilson_interval(resolved, level)[1]),
            self._gap_of(rows, lambda resolved: _wilson_interval(resolved, level)[0]),
        )

    def _gap_of(self, rows: Rows, share_of: Callable[[Rows], float]) -> float:
        gaps_m, resolved = rows.T
        distinct_m = np.unique(gaps_m)
        shares = [share_of(resolved[gaps_m == gap_m]) for gap_m in distinct_m]
        gap_m = resolvable_gap(torch.from_numpy(distinct_m), torch.tensor(shares), self.level)
        return float(gap_m)


def _dip(field_of_view_m: tuple[float, float], estimate: Tensor, sample: Sample) -> Tensor:
    return pair_dip(estimate, _pairs(sample), field_of_view_m)


def _unevenness(field_of_view_m: tuple[float, float], estimate: Tensor, sample: Sample) -> Tensor:
    return disc_non_uniformity(estimate, _pairs(sample), field_of_view_m)


def _width(field_of_view_m: tuple[float, float], estimate: Tensor, sample: Sample) -> Tensor:
    disc = _pairs(sample)
    return full_width_half_maximum(
        estimate, disc.centre_m, disc.direction, disc.diameter_m, field_of_view_m
    )


def _shift(field_of_view_m: tuple[float, float], estimate: Tensor, sample: Sample) -> Tensor:
    disc = _pairs(sample)
    return localisation_error(estimate, disc.centre_m, disc.diameter_m, field_of_view_m)


def _pairs(sample: Sample) -> PairGeometry:
    if sample.pairs is None:
        raise ValueError("these samples are phantoms, without the geometry of pairs or discs")
    return sample.pairs


def _wilson_interval(successes: Rows, level: float) -> tuple[float, float]:
    """Returns the interval of a share of 0s and 1s; NaN for no cases.

    Source:
        E. B. Wilson, J. Am. Stat. Assoc. 22, 1927, doi:10.1080/01621459.1927.10502953.
    """
    if not len(successes):
        return float("nan"), float("nan")
    test = binomtest(int(successes.sum()), len(successes))
    low, high = test.proportion_ci(level, method="wilson")
    return float(low), float(high)
