"""95 % confidence intervals: of a mean, of a share, and of anything else."""

import math
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import DegenerateDataWarning, binomtest, bootstrap

LEVEL = 0.95

_NUM_RESAMPLES = 2000

Interval = tuple[float, float, float]
"""A statistic, and the lower and upper end of its interval; NaN where one is undefined."""


def student_interval(values: NDArray[np.float64]) -> Interval:
    """Returns the mean of numbers with Student's t interval, whose ends are NaN for fewer than two.

    Of few skewed cases it is still too narrow: of 16 log-normal ones (σ = 1) the interval holds the
    mean in 87 % of the trials, the percentile bootstrap's in 85 %.

    Args:
        values: The numbers, none of them NaN.
    """
    num = len(values)
    mean = float(values.mean()) if num else math.nan
    if num < 2:
        return mean, math.nan, math.nan
    quantile = float(stdtrit(num - 1, 0.5 + 0.5 * LEVEL))
    # Of a faultless image, whose PSNR is infinite, the ends are NaN.
    with np.errstate(invalid="ignore"):
        half = quantile * float(values.std(ddof=1)) / math.sqrt(num)
    return mean, mean - half, mean + half


def wilson_interval(successes: NDArray[np.bool_]) -> Interval:
    """Returns the share of successes with Wilson's interval.

    A bootstrap of 0 out of n would be certain of 0.

    Args:
        successes: Whether each case is one.

    Source:
        E. B. Wilson, J. Am. Stat. Assoc. 22, 1927, doi:10.1080/01621459.1927.10502953.
    """
    if not len(successes):
        return math.nan, math.nan, math.nan
    test = binomtest(int(successes.sum()), len(successes))
    low, high = test.proportion_ci(LEVEL, method="wilson")
    return float(test.statistic), float(low), float(high)


def bootstrap_interval(
    rows: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Interval:
    """Returns a statistic of cases with its percentile bootstrap interval.

    Args:
        rows: Values of the cases, (cases, columns), none of them NaN. Their order doesn't matter.
        statistic: Maps any number of such tables, (…, cases, columns), to a number each, NaN where
            it is undefined.

    Source:
        B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    if len(rows) < 2:
        return float(statistic(rows)) if len(rows) else math.nan, math.nan, math.nan
    # Resampling would see the order.
    rows = rows[np.lexsort(rows.T)]
    with warnings.catch_warnings():
        # Where the statistic of a resample is undefined the ends are NaN, which says it.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        interval = bootstrap(
            (np.arange(len(rows)),),
            lambda chosen, axis: statistic(rows[chosen]),
            vectorized=True,
            n_resamples=_NUM_RESAMPLES,
            confidence_level=LEVEL,
            method="percentile",
            random_state=np.random.default_rng(0),
        ).confidence_interval
    return float(statistic(rows)), float(interval.low), float(interval.high)
