import math

import pytest

from mpi_cascade.evaluation.bounds import bounds, suspicions
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.measures import CAPSULES, PAIRS
from mpi_cascade.evaluation.operating_points import least_misses, least_splits
from mpi_cascade.evaluation.sets import EvaluationSet, Suite
from mpi_cascade.evaluation.suite_parts import least_favourable_set
from mpi_cascade.evaluation.summary import Summary
from mpi_cascade.phantoms.scenes import Capsules, TwoPoints
from mpi_cascade.physics.scanner import Scanner

SCENE = TwoPoints(gaps_mm=(0.1, 0.3), cases_per_gap=4)
OF_PAIRS = EvaluationSet(name="pairs", kind=PAIRS, scene=SCENE, indices=range(8))
SUITE = Suite(
    name="few",
    sets=(
        OF_PAIRS,
        least_favourable_set(OF_PAIRS, Scanner(), 4),
        EvaluationSet(
            name="capsules", kind=CAPSULES, scene=Capsules(outlines=SCENE), indices=range(8),
            twin="pairs",
        ),
    ),
)  # fmt: skip
LIMITS = [Limit("pairs", gap_mm, d_prime, 9.0, 0.0, 5.0, math.nan, math.nan)
          for gap_mm, d_prime in ((0.1, 1.0), (0.3, 1.5))]  # fmt: skip


def share(set_name, metric, value, half=0.1, gap_mm=0.1, label="mse"):
    low, high = max(value - half, 0.0), min(value + half, 1.0)
    return Summary(label, "final", set_name, metric, gap_mm, value, low, high, 1, 20)


def rows(resolved, split, **others):
    return [
        share("pairs", "resolved_at_1pct", resolved, **others),
        share("least favourable", "split_at_1pct", split, **others),
        # Capsules of the outline are no bound's.
        share("capsules", "split_at_1pct", 0.0, **others),
    ]


def test_the_bound_is_that_of_the_share_resolved_and_the_gap():
    (found,) = bounds(rows(0.8, 0.5), LIMITS, SUITE)
    assert found[:6] == ("mse", "final", "pairs", 0.1, "resolved_at_1pct", 1.0)
    assert (found.resolved, found.split) == (0.8, 0.5)
    assert found.least_splits == least_splits(0.8, 1.0)
    assert found.least_misses == least_misses(0.5, 1.0)
    (wider,) = bounds(rows(0.8, 0.5, gap_mm=0.3), LIMITS, SUITE)
    assert wider.d_prime == 1.5 and wider.least_splits < found.least_splits


@pytest.mark.parametrize(
    ("resolved", "split", "is_suspect"),
    [
        # At d′ = 1 who resolves 80 % splits 44 %; who resolves 70 %, 32 %.
        (0.8, 0.5, False), (0.8, 0.4, False), (0.8, 0.23, False), (0.8, 0.2, True),
        (1.0, 0.0, True), (0.0, 0.0, False),
    ],
)  # fmt: skip
def test_below_the_bound_by_more_than_the_intervals_is_suspect(resolved, split, is_suspect):
    found = bounds(rows(resolved, split), LIMITS, SUITE)
    assert [bound.is_suspect for bound in found] == [is_suspect]
    sentences = suspicions(found)
    assert len(sentences) == is_suspect
    if is_suspect:
        assert sentences[0].startswith("suspect: on pairs at gaps of 0.1 mm mse (final) splits")


def test_gaps_of_one_set_are_one_sentence():
    both = [*rows(1.0, 0.0), *rows(1.0, 0.0, gap_mm=0.3)]
    (sentence,) = suspicions(bounds(both, LIMITS, SUITE))
    assert "at gaps of 0.1, 0.3 mm" in sentence


def test_all_of_few_are_not_certainly_all():
    (found,) = bounds(rows(1.0, 0.0), LIMITS, SUITE)
    assert found.least_splits == least_splits(1 - 0.5 / 20, 1.0)
    assert found.least_misses == least_misses(0.5 / 20, 1.0)


def test_rayleighs_decision_has_its_bound_too():
    both = [*rows(0.8, 0.5), share("pairs", "resolved", 0.9),
            share("least favourable", "false_splits", 0.7)]  # fmt: skip
    found = bounds(both, LIMITS, SUITE)
    assert [bound.criterion for bound in found] == ["resolved_at_1pct", "resolved"]
    assert found[1].least_splits == least_splits(0.9, 1.0)


def test_what_is_not_known_has_no_bound():
    assert bounds(rows(math.nan, math.nan), LIMITS, SUITE) == []
    assert bounds(rows(0.8, 0.5), [], SUITE) == []
    assert bounds(rows(0.8, 0.5, gap_mm=0.7), LIMITS, SUITE) == []
