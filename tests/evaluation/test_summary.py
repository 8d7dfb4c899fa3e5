import math

import pytest

from mpi_cascade.evaluation.methods import Method, Seeds
from mpi_cascade.evaluation.summary import notes_on_pairs, paired_differences, summarise
from mpi_cascade.evaluation.table import Result


def result(value, seed=0, label="mse", metric="psnr_db", gap_mm=None):
    return Result(
        label, seed, "final", "phantoms", metric, gap_mm, value, value - 1, value + 2, num_cases=9
    )


def test_three_seeds_have_students_interval():
    values = [30.0, 31.0, 33.0]
    (summary,) = summarise(result(value, seed) for seed, value in enumerate(values))
    mean, deviation = 94 / 3, math.sqrt(7 / 3)
    # t(0.975, 2) = 4.3027, from a table.
    half = 4.302653 * deviation / math.sqrt(3)
    assert summary.value == pytest.approx(mean)
    assert (summary.low, summary.high) == pytest.approx((mean - half, mean + half), rel=1e-6)
    assert (summary.num_seeds, summary.num_cases) == (3, 9)


def test_one_seed_keeps_its_interval_over_cases():
    (summary,) = summarise([result(30.0)])
    assert (summary.value, summary.low, summary.high) == (30.0, 29.0, 32.0)
    assert summary.num_seeds == 1


def test_labels_metrics_and_gaps_are_kept_apart():
    results = [
        result(1.0), result(2.0, label="l1"), result(3.0, metric="ssim"), result(4.0, gap_mm=0.1),
        result(5.0, seed=1),
    ]  # fmt: skip
    found = summarise(results)
    assert [summary.value for summary in found] == [3.0, 2.0, 3.0, 4.0]
    assert [summary.num_seeds for summary in found] == [2, 1, 1, 1]


def test_a_seed_without_a_value_leaves_none():
    (summary,) = summarise([result(1.0), result(math.nan, seed=1)])
    assert math.isnan(summary.value) and math.isnan(summary.low) and math.isnan(summary.high)


def test_no_results_have_no_summary():
    assert summarise([]) == []


def test_a_share_over_seeds_is_no_more_certain_than_over_cases():
    """Three times 0 of 100: Student's interval alone would be [0, 0]."""
    zero = result(0.0, metric="false_splits")._replace(low=0.0, high=0.037)
    (summary,) = summarise(zero._replace(number=seed) for seed in range(3))
    assert (summary.value, summary.low, summary.high) == (0.0, 0.0, 0.037)
    spread = [result(value, seed, metric="resolved") for seed, value in enumerate((0.2, 0.9, 1.0))]
    (summary,) = summarise(spread)
    assert (summary.low, summary.high) == (0.0, 1.0)


def test_a_gap_over_seeds_is_no_more_certain_than_over_cases():
    """Three times the last gap of the suite: Student's interval alone would be [1, 1]."""
    last = result(1.0, metric="resolvable_gap_mm")._replace(low=0.7, high=math.nan)
    (summary,) = summarise(last._replace(number=seed) for seed in range(3))
    assert (summary.value, summary.low) == pytest.approx((1.0, 0.7))
    assert math.isnan(summary.high)
    first = last._replace(value=0.1, low=0.0, high=0.2, number=1)
    (summary,) = summarise([last._replace(high=1.0), first])
    assert summary.low == 0.0 and summary.high > 5
    (summary,) = summarise([first, last])
    assert math.isnan(summary.high)


@pytest.mark.parametrize(
    ("metric", "values", "low", "high"),
    [
        ("mass_r2", (0.99, 1.0), None, 1.0), ("ssim", (0.9, 1.0), None, 1.0),
        ("ghost_energy", (0.001, 0.003), 0.0, None), ("psnr_db", (1.0, 2.0), None, None),
    ],
)  # fmt: skip
def test_no_interval_goes_beyond_what_a_metric_can_be(metric, values, low, high):
    (summary,) = summarise(result(value, seed, metric=metric) for seed, value in enumerate(values))
    half = 12.706205 * (values[1] - values[0]) / 2
    assert summary.low == pytest.approx(sum(values) / 2 - half if low is None else low)
    assert summary.high == pytest.approx(sum(values) / 2 + half if high is None else high)


def test_differences_of_shares_and_gaps_have_no_interval():
    """Seeds that all differ by one case of 160 are no certainty of a difference."""
    found = paired_differences(
        [
            result(share, seed, label, metric)
            for metric in ("false_splits", "resolvable_gap_mm")
            for label, share in (("mse", 0.075), ("l1", 0.004))
            for seed in range(3)
        ],
        methods(mse=[0, 1, 2], l1=[0, 1, 2]),
    )
    assert [item.value for item in found] == pytest.approx([-0.071, -0.071])
    assert all(math.isnan(end) for item in found for end in (item.low, item.high))


def methods(**seeds):
    """Trainings by label, each with its seed; None where it isn't known."""
    return [
        Method(label, number, lambda signal: {}, "", None if seed is None else Seeds(seed, 0))
        for label, of_label in seeds.items()
        for number, seed in enumerate(of_label)
    ]


def test_differences_are_over_the_seeds_that_both_have_in_any_order():
    base, other = [33.0, 30.0, 31.0, 99.0], [30.5, 31.7, 33.6, 55.0]
    results = [result(value, seed) for seed, value in enumerate(base)]
    results += [result(value, seed, label="l1") for seed, value in enumerate(other)]
    results += [result(9.0, label="ADMM"), result(1.0, label="l1", gap_mm=0.1)]
    trainings = methods(mse=[2, 0, 1, None], l1=[0, 1, 2, None], ADMM=[None])
    (found,) = paired_differences(results, trainings)
    assert (found.label, found.reference, found.num_seeds) == ("l1", "mse", 3)
    half = 4.302653 * 0.1 / math.sqrt(3)  # of 0.5, 0.7 and 0.6
    assert (found.value, found.low, found.high) == pytest.approx((0.6, 0.6 - half, 0.6 + half))


def test_single_trainings_have_no_differences():
    trainings = methods(mse=[0], l1=[0])
    assert paired_differences([result(1.0), result(2.0, label="l1")], trainings) == []
    assert notes_on_pairs(trainings) == []


def test_labels_whose_trainings_are_not_all_paired_are_told():
    trainings = methods(mse=[0, 1, 2], l1=[2, 1, 0], ssim=[1, 2, 3], old=[None, None], ADMM=[None])
    assert notes_on_pairs(trainings) == [
        "ssim (3 trainings) and mse (3) have 2 seeds in common: differences are over those alone",
        "old (2 trainings) and mse (3) have 0 seeds in common: no differences are taken",
    ]
