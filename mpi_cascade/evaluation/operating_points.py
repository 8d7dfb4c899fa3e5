"""Thresholds, false alarms and the ROC of a decision by one number: the dip."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.confidence import Interval

FALSE_ALARMS = 0.01
"""Share of single objects that may be split at a method's own threshold."""

_NULLS_PER_ALARM = 3
_LEAST_DIP = 1e-6
_QUANTILE = 1.959963984540054


def nulls_needed(false_alarms: float) -> int:
    """Returns how many nulls resolve a false-alarm rate: were none split, 95 % say it is less.

    Args:
        false_alarms: The rate.
    """
    return math.ceil(_NULLS_PER_ALARM / false_alarms - 1e-9)


def threshold_at(dips: NDArray[np.float64], false_alarms: float = FALSE_ALARMS) -> float:
    """Returns the smallest dip that at most a share of the nulls reach.

    Args:
        dips: The dips of the nulls, (nulls,); where one is NaN, nothing is split.
        false_alarms: The share, above 0 and below 1.

    Returns:
        The threshold, never under 10⁻⁶: a dip of 0 is no split.

    Raises:
        InputError: If the share is none, or there are too few nulls for it.
    """
    if not 0 < false_alarms < 1:
        raise InputError(f"the false-alarm rate is {false_alarms}: it must lie between 0 and 1")
    if len(dips) < nulls_needed(false_alarms):
        raise InputError(
            f"{len(dips)} nulls can't show a false-alarm rate of {100 * false_alarms:g} %: take "
            f"{nulls_needed(false_alarms)} or more"
        )
    # The largest that must not be reached: as many may lie above it as may be split.
    highest = exceeded_by(np.nan_to_num(dips), false_alarms)
    return max(float(np.nextafter(highest, math.inf)), _LEAST_DIP)


def exceeded_by(values: NDArray[np.float64], share: float = FALSE_ALARMS) -> float:
    """Returns the smallest of some values that no more than a share of them exceed."""
    place = values.size - 1 - math.floor(share * values.size + 1e-9)
    return float(np.partition(values, place, axis=None)[place])


def roc_area(pairs: NDArray[np.float64], nulls: NDArray[np.float64]) -> Interval:
    """Returns the area under the ROC: the chance that a pair's dip exceeds a null's.

    Equal dips count half.

    Args:
        pairs: The dips of the pairs.
        nulls: The dips of the nulls.

    Returns:
        The area with DeLong's 95 % interval, whose ends are NaN with fewer than two of either.

    Source:
        E. R. DeLong et al., Biometrics 44, 1988, doi:10.2307/2531595.
    """
    if not len(pairs) or not len(nulls):
        return math.nan, math.nan, math.nan
    wins = 0.5 * (
        (pairs[:, None] > nulls).astype(np.float64) + (pairs[:, None] >= nulls).astype(np.float64)
    )
    area = float(wins.mean())
    if min(wins.shape) < 2:
        return area, math.nan, math.nan
    variance = sum(wins.mean(axis=axis).var(ddof=1) / wins.shape[1 - axis] for axis in (0, 1))
    half = _QUANTILE * math.sqrt(variance)
    return area, max(area - half, 0.0), min(area + half, 1.0)


def least_splits(resolved: float, d_prime: float) -> float:
    """Returns the least share of nulls that a method splits which resolves a share of the pairs.

    Φ(Φ⁻¹(resolved) − d′), that of the ideal observer, who is told which pair or null it may be: by
    Neyman and Pearson's lemma no other method splits fewer.

    Args:
        resolved: Share of the pairs that are resolved.
        d_prime: d′ between pairs and nulls.
    """
    return float(ndtr(ndtri(resolved) - d_prime))


def least_misses(split: float, d_prime: float) -> float:
    """Returns the least share of pairs that a method misses which splits a share of the nulls.

    Args:
        split: Share of the nulls that are split.
        d_prime: d′ between pairs and nulls.
    """
    return float(ndtr(-ndtri(split) - d_prime))
