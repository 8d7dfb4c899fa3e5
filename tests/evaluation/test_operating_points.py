import math

import numpy as np
import pytest
from scipy import stats

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.operating_points import (
    exceeded_by,
    least_misses,
    least_splits,
    nulls_needed,
    roc_area,
    threshold_at,
)


@pytest.mark.parametrize("rate", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("num", [300, 317, 400, 1000])
@pytest.mark.parametrize("digits", [1, 2, 9])
def test_a_threshold_is_the_smallest_that_few_enough_reach(rate, num, digits):
    """By trying every dip, and all between; few digits make many dips equal."""
    dips = np.random.default_rng(num).normal(0.2, 0.3, num).clip(0).round(digits)
    threshold = threshold_at(dips, rate)
    assert (dips >= threshold).sum() <= rate * num + 1e-9
    candidates = np.unique(np.concatenate([dips, np.nextafter(dips, math.inf)]))
    enough = [c for c in candidates if c > 0 and (dips >= c).sum() <= rate * num + 1e-9]
    assert threshold == min(enough)


def test_a_dip_of_nothing_is_no_split():
    assert 0 < threshold_at(np.zeros(300)) < 1e-3
    assert not (np.zeros(300) >= threshold_at(np.zeros(300))).any()
    dips = np.append(np.zeros(299), 0.9)
    assert 0 < threshold_at(dips) < 1e-3


def test_a_dip_that_is_no_number_is_no_split():
    dips = np.append(np.full(6, math.nan), np.linspace(0.1, 0.5, 294))
    assert threshold_at(dips) == threshold_at(np.nan_to_num(dips)) < 0.5


@pytest.mark.parametrize(("rate", "num"), [(0.01, 300), (0.05, 60), (0.1, 30), (0.03, 100)])
def test_a_rate_needs_enough_nulls(rate, num):
    assert nulls_needed(rate) == num
    # "Rule of three": were none of so many split, the rate would be surely lower.
    assert (1 - rate) ** num == pytest.approx(0.05, rel=0.2)
    threshold_at(np.zeros(num), rate)
    with pytest.raises(InputError, match=rf"^{num - 1} nulls can't show .* {100 * rate:g} %: take"):
        threshold_at(np.zeros(num - 1), rate)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, math.nan])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(InputError, match=r"^the false-alarm rate is .* between 0 and 1$"):
        threshold_at(np.zeros(300), rate)


@pytest.mark.parametrize("digits", [1, 9])
def test_the_area_is_that_under_the_curve_of_all_thresholds(digits):
    generator = np.random.default_rng(4)
    pairs, nulls = (
        generator.normal(1, 1, 37).round(digits),
        generator.normal(0, 1, 53).round(digits),
    )
    thresholds = np.sort(np.unique(np.concatenate([pairs, nulls, [math.inf]])))[::-1]
    hits = [(pairs >= threshold).mean() for threshold in thresholds]
    alarms = [(nulls >= threshold).mean() for threshold in thresholds]
    area, low, high = roc_area(pairs, nulls)
    assert area == pytest.approx(np.trapezoid(hits, alarms))
    statistic = stats.mannwhitneyu(pairs, nulls).statistic
    assert area == pytest.approx(statistic / (37 * 53))
    assert 0 < low < area < high < 1


def test_the_area_of_two_normal_distributions_is_in_its_interval_in_most_trials():
    """Φ(d′/√2) for unit variances."""
    generator = np.random.default_rng(5)
    expected = stats.norm.cdf(1 / math.sqrt(2))
    held = 0
    for _ in range(400):
        _, low, high = roc_area(generator.normal(1, 1, 40), generator.normal(0, 1, 60))
        held += low <= expected <= high
    assert 0.9 < held / 400 < 0.98


def test_areas_at_the_ends():
    assert roc_area(np.ones(4), np.zeros(5)) == (1, 1, 1)
    assert roc_area(np.ones(4), np.ones(5)) == (0.5, 0.5, 0.5)
    area, low, high = roc_area(np.ones(1), np.zeros(5))
    assert area == 1 and math.isnan(low) and math.isnan(high)
    assert all(map(math.isnan, roc_area(np.ones(0), np.zeros(5))))


@pytest.mark.parametrize("d_prime", [0.0, 0.5, 2.0, 4.0])
@pytest.mark.parametrize("threshold", [-1.0, 0.3, 2.5])
def test_the_bounds_are_those_of_two_normal_distributions(d_prime, threshold):
    """The ideal observer's statistic: N(0, 1) of nulls, N(d′, 1) of pairs."""
    resolved, split = stats.norm.sf(threshold, d_prime), stats.norm.sf(threshold)
    assert least_splits(resolved, d_prime) == pytest.approx(split)
    assert least_misses(split, d_prime) == pytest.approx(1 - resolved)


def test_no_decision_by_another_number_beats_the_bound():
    """Of a signal in noise: any other template than the difference does worse."""
    generator = np.random.default_rng(6)
    difference = np.array([1.0, -0.5, 0.25])
    noise = generator.normal(size=(2, 200_000, 3))
    for template in generator.normal(size=(20, 3)):
        template = template * np.sign(template @ difference)
        pairs, nulls = (noise[0] + difference) @ template, noise[1] @ template
        threshold = np.median(pairs)
        resolved, split = (pairs >= threshold).mean(), (nulls >= threshold).mean()
        assert split > least_splits(resolved, float(np.linalg.norm(difference))) - 0.005


@pytest.mark.parametrize(("share", "expected"), [(0.0, 9.0), (0.1, 8.0), (0.35, 6.0)])
def test_the_least_of_values_that_no_more_than_a_share_exceed(share, expected):
    values = np.random.default_rng(0).permutation(10).astype(float)
    assert exceeded_by(values, share) == expected
    assert (values > expected).mean() <= share
