import math

import numpy as np
import pytest
from scipy import stats

from mpi_cascade.evaluation.confidence import bootstrap_interval, student_interval, wilson_interval


def mean(rows):
    """The mean of the first column, of any number of tables (…, cases, columns)."""
    return rows[..., 0].mean(axis=-1)


def test_the_interval_of_a_mean_is_scipys():
    values = np.random.default_rng(0).normal(3.0, 2.0, 40)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert student_interval(values) == pytest.approx((values.mean(), *expected))


def test_the_interval_of_the_mean_of_few_cases_covers_the_truth_as_often_as_it_says():
    """A percentile bootstrap covers 91 %: 5000 trials tell 91 from 95 (standard error 0.3)."""
    trials = np.random.default_rng(0).normal(size=(5000, 16))
    ends = np.array([student_interval(values)[1:] for values in trials])
    covered = ((ends[:, 0] <= 0) & (ends[:, 1] >= 0)).mean()
    assert covered == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    "interval", [student_interval, lambda v: bootstrap_interval(v[:, None], mean)]
)
def test_of_one_case_the_interval_is_undefined_and_of_none_all_is(interval):
    value, *ends = interval(np.array([2.5]))
    assert value == 2.5
    assert np.isnan(ends).all()
    assert np.isnan(interval(np.zeros(0))).all()


def test_an_infinite_value_leaves_no_interval_and_no_warning():
    value, *ends = student_interval(np.array([30.0, math.inf, 31.0]))
    assert value == math.inf
    assert np.isnan(ends).all()


@pytest.mark.parametrize(
    ("num_split", "num", "expected"),
    [(0, 20, (0.0, 0.16113)), (20, 20, (0.83887, 1.0)), (5, 20, (0.11186, 0.46870))],
)
def test_the_interval_of_a_share_is_wilsons(num_split, num, expected):
    """Closed form: (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²))/(1 + z²/n)."""
    share, *ends = wilson_interval(np.arange(num) < num_split)
    assert share == num_split / num
    assert ends == pytest.approx(expected, abs=1e-5)


def test_the_share_of_no_cases_is_undefined():
    assert np.isnan(wilson_interval(np.zeros(0, dtype=bool))).all()


def test_the_bootstrap_of_a_mean_of_many_is_nearly_students():
    values = np.random.default_rng(1).normal(size=(400, 1))
    found = bootstrap_interval(values, mean)
    half = 1.96 / math.sqrt(400)
    assert found == pytest.approx(student_interval(values[:, 0]), abs=0.15 * half)


def test_the_bootstrap_does_not_see_the_order_of_the_cases():
    rows = np.random.default_rng(2).normal(size=(12, 2))

    def slope(rows):
        x, y = np.moveaxis(rows - rows.mean(axis=-2, keepdims=True), -1, 0)
        return (x * y).sum(axis=-1) / (x * x).sum(axis=-1)

    found = bootstrap_interval(rows, slope)
    assert bootstrap_interval(rows[::-1], slope) == pytest.approx(found)
    assert found[1] < found[0] < found[2]


def test_a_resample_without_a_statistic_leaves_no_interval_and_no_warning():
    value, *ends = bootstrap_interval(np.arange(6.0)[:, None], lambda rows: mean(rows) + math.nan)
    assert np.isnan([value, *ends]).all()
