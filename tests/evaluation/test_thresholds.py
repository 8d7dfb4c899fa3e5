import math
from dataclasses import replace

import numpy as np
import pytest

from mpi_cascade.evaluation.measures import NULLS, PAIRS
from mpi_cascade.evaluation.operating_points import roc_area, threshold_at
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.evaluation.table import Cases, MethodKey
from mpi_cascade.evaluation.thresholds import (
    ALL_NULLS,
    Threshold,
    all_results,
    by_method,
    dip_thresholds,
    own_results,
)
from mpi_cascade.phantoms.nulls import Nulls
from mpi_cascade.phantoms.scenes import TwoPoints

KEY, OTHER = MethodKey("mse", 0, "final"), MethodKey("ART", 0, "final")
GENERATOR = np.random.default_rng(0)


def nulls(name="nulls", num=300, key=KEY, scale=0.1, **conditions):
    part = EvaluationSet(
        name=name, kind=NULLS, scene=Nulls(), indices=range(num), **conditions
    )  # fmt: skip
    return of(key, part, scale * GENERATOR.random(num), np.full(num, 0.1))


def pairs(dips=None, key=KEY, **conditions):
    part = EvaluationSet(
        name="pairs", kind=PAIRS, scene=TwoPoints(gaps_mm=(0.1, 0.3), cases_per_gap=4),
        indices=range(8), **conditions,
    )  # fmt: skip
    dips = np.linspace(0, 0.2, 8) if dips is None else dips
    return of(key, part, dips, np.repeat([0.1, 0.3], 4))


def of(key, part, dips, gaps_mm):
    columns = {"index": np.arange(len(dips), dtype=float), "gap_mm": gaps_mm, "dip": dips,
               "disc_non_uniformity": np.zeros(len(dips))}  # fmt: skip
    return Cases(key, part, columns)


def values(results):
    return {(r.label, r.set_name, r.metric, r.gap_mm): r.value for r in results}


def test_a_threshold_is_that_of_the_methods_own_nulls():
    mine, others = nulls(), nulls(key=OTHER, scale=0.6)
    found = dip_thresholds([mine, pairs(), others])
    dips = [cases.columns["dip"] for cases in (mine, others)]
    assert [item[:3] for item in found] == [KEY, OTHER]
    assert [item.threshold for item in found] == [threshold_at(of_one) for of_one in dips]
    assert [item.num_nulls for item in found] == [300, 300]
    assert found[0].split_at_rayleigh == 0
    assert found[1].split_at_rayleigh == (dips[1] >= 0.265).mean()
    assert by_method(found) == {KEY: found[0].threshold, OTHER: found[1].threshold}


def test_too_few_nulls_have_no_threshold_and_nothing_is_known_at_1_percent():
    (found,) = dip_thresholds([nulls(num=299)])
    assert math.isnan(found.threshold)
    own = values(own_results([nulls(num=299), pairs()]))
    assert math.isnan(own["mse", "pairs", "resolved_at_1pct", 0.3])
    assert math.isnan(own["mse", "nulls", "split_at_1pct", None])
    assert own["mse", "nulls", "false_splits", None] == 0


def test_a_method_of_half_the_dips_resolves_as_many_pairs():
    """At equal false alarms no scale of the dips counts."""
    found = [nulls(), pairs()]
    halves = [
        of(OTHER, cases.part, 0.5 * cases.columns["dip"], cases.columns["gap_mm"])
        for cases in found
    ]
    both = values(own_results([*found, *halves]))
    for (label, *rest), value in both.items():
        if label == "mse" and "1pct" in rest[1]:
            assert value == both["ART", *rest]
    assert both["mse", "nulls", "split_at_1pct", None] == 0.01
    assert both["mse", "pairs", "resolved_at_1pct", 0.3] == 1


def test_results_at_given_thresholds_and_nulls_taken_together():
    parts = [nulls("nulls, bars", 100), nulls("nulls, ellipses", 200)]
    off = nulls("nulls, off", 40, true_scanner={"gradient_x_t_per_m": 4.0})
    threshold = Threshold(*KEY, 0.05, 300, 0.0)
    found = values(all_results([*parts, off, pairs()], [threshold]))
    together = np.concatenate([cases.columns["dip"] for cases in parts])
    split = found["mse", ALL_NULLS, "split_at_1pct", None]
    assert split == pytest.approx((together >= 0.05).mean())
    assert found["mse", "nulls, off", "split_at_1pct", None] == (off.columns["dip"] >= 0.05).mean()
    assert found["mse", "pairs", "resolved_at_1pct", 0.1] == 0.5


def test_a_single_set_of_nulls_is_not_named_twice():
    assert ALL_NULLS not in {r.set_name for r in all_results([nulls()], [])}


def test_the_roc_is_against_the_nulls_of_the_same_scanner():
    off = {"gradient_x_t_per_m": 4.0}
    parts = [nulls("nulls, bars", 100), nulls("nulls, ellipses", 200), nulls("off", 60, scale=0.9,
             true_scanner=off), nulls("bars", 300, key=OTHER)]  # fmt: skip
    as_believed, wrong = pairs(), pairs(true_scanner=off)
    wrong = wrong._replace(part=replace(wrong.part, name="pairs, off"))
    found = values(all_results([*parts, as_believed, wrong], []))
    dips = np.concatenate([cases.columns["dip"] for cases in parts[:2]])
    of_gap = as_believed.columns["dip"][4:]
    assert found["mse", "pairs", "roc_area", 0.3] == roc_area(of_gap, dips)[0]
    for metric, rate in (("roc_resolved_1pct", 0.01), ("roc_resolved_5pct", 0.05)):
        expected = (of_gap >= threshold_at(dips, rate)).mean()
        assert found["mse", "pairs", metric, 0.3] == expected
    of_off = parts[2].columns["dip"]
    assert found["mse", "pairs, off", "roc_area", 0.3] == roc_area(of_gap, of_off)[0]
    # 60 nulls tell 5 %, and not 1 %.
    assert math.isnan(found["mse", "pairs, off", "roc_resolved_1pct", 0.3])
    expected = (of_gap >= threshold_at(of_off, 0.05)).mean()
    assert found["mse", "pairs, off", "roc_resolved_5pct", 0.3] == expected


def test_pairs_without_nulls_have_no_roc():
    assert not any("roc" in r.metric for r in all_results([pairs()], []))
