"""Risk-controlling prediction sets: the narrowest intervals that miss no more than is allowed.

Source:
    S. Bates et al., Distribution-free, risk-controlling prediction sets, J. ACM 68, 2021; A. N.
    Angelopoulos et al., Image-to-image regression with distribution-free uncertainty
    quantification, ICML 2022, arXiv 2202.05265.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr
from scipy.stats import binom

from mpi_cascade.checks import InputError

FACTORS: NDArray[np.float64] = np.geomspace(0.01, 100.0, 461)
"""Factors of an interval's width that are tried, 2 % apart."""


def hoeffding_bentkus(mean_loss: float, num_scans: int, risk: float) -> float:
    """Returns how likely losses would be as small as they are if their mean were ``risk``, or more.

    Args:
        mean_loss: Mean of independent losses that lie in 0 … 1.
        num_scans: How many there are, > 0.
        risk: The hypothetical mean, between 0 and 1.

    Returns:
        A p-value, the smaller of Hoeffding's and Bentkus's.
    """
    below = min(mean_loss, risk)
    divergence = float(rel_entr(below, risk) + rel_entr(1 - below, 1 - risk))
    bentkus = math.e * float(binom.cdf(math.ceil(num_scans * mean_loss - 1e-9), num_scans, risk))
    return min(1.0, math.exp(-num_scans * divergence), bentkus)


def least_scans(risk: float, failure: float) -> int:
    """Returns how many scans a guarantee needs, even if none of their intervals misses anything.

    Args:
        risk: The risk that is allowed.
        failure: The chance that is allowed that the guarantee is wrong.
    """
    return math.ceil(math.log(failure) / math.log(1 - risk))


def losses_at_factors(
    needed: Sequence[NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Returns each scan's loss at every factor: the share of its values that need a larger one.

    Args:
        needed: For each scan the factor that each of its values needs to be covered.

    Returns:
        Losses, (scan, factor), of the scans that have values.
    """
    losses = [
        1 - np.searchsorted(np.sort(values), FACTORS, side="right") / len(values)
        for values in needed
        if len(values)
    ]
    return np.stack(losses) if losses else np.empty((0, len(FACTORS)))


def controlling_factor(losses: NDArray[np.float64], risk: float, failure: float) -> float:
    """Returns the smallest factor whose risk is at most ``risk``, but for a chance of ``failure``.

    Args:
        losses: Losses of independent scans at each of ``FACTORS``, (scan, factor), not increasing.
        risk: The risk that is allowed.
        failure: The chance that is allowed that the guarantee is wrong.

    Raises:
        InputError: If there are too few scans, or no factor is large enough.
    """
    num_scans, least = len(losses), least_scans(risk, failure)
    if num_scans < least:
        raise InputError(
            f"the guarantee has {num_scans} calibration scans of some noise level: it needs "
            f"{least} at least, and many more to be tight, so simulate more of them"
        )
    for factor, mean_loss in zip(FACTORS, losses.mean(axis=0), strict=True):
        if hoeffding_bentkus(float(mean_loss), num_scans, risk) <= failure:
            return float(factor)
    raise InputError(
        f"even intervals {FACTORS[-1]:g} times as wide miss more than {100 * risk:g} % in "
        f"{num_scans} calibration scans: train their network longer, or calibrate on more scans"
    )
