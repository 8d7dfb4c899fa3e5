import copy
import math
import pickle

import measured
import numpy as np
import pytest
import torch
from measured import KEY, PAIR_SET, PHANTOM_SET, THRESHOLDS, add, chosen_cases, new_table
from torch import multiprocessing

from mpi_cascade.evaluation.sets import Suite
from mpi_cascade.evaluation.table import (
    CaseTable,
    MethodKey,
    Result,
    logged,
    logged_metrics,
    results_of,
)  # fmt: skip
from mpi_cascade.phantoms.scenes import PairGeometry
from mpi_cascade.scans.simulated import Sample

ALL, NONE = slice(None), slice(0, 0)


def assert_same(found: list[Result], expected: list[Result]) -> None:
    assert [result[:6] for result in found] == [result[:6] for result in expected]
    for one, other in zip(found, expected, strict=True):
        assert one[6:] == pytest.approx(other[6:], rel=1e-5, abs=1e-7, nan_ok=True), one


@pytest.fixture(scope="module")
def whole() -> list[Result]:
    table = new_table()
    add(table, ALL, ALL)
    return results_of(table.cases(), THRESHOLDS)


def test_every_metric_of_every_set_is_there(whole):
    of_all = {(r.set_name, r.metric) for r in whole if r.gap_mm is None}
    assert of_all == {
        (part.name, name) for part in (PHANTOM_SET, PAIR_SET) for name in part.kind.of_all
    }
    of_gaps = {(r.gap_mm, r.metric) for r in whole if r.gap_mm is not None}
    assert of_gaps == {(gap, name) for gap in (0.1, 0.3) for name in PAIR_SET.kind.of_gaps}
    values = {(r.metric, r.gap_mm): r.value for r in whole}
    assert values["resolved", 0.1] == 0.5
    assert values["resolved", 0.3] == values["dip", 0.3] == 1
    assert values["resolvable_gap_mm", None] == values["resolvable_gap_rayleigh_mm", None] == 0.3
    assert values["resolved_at_1pct", 0.1] == 0.5


def test_without_a_threshold_nobody_knows_what_is_resolved_at_equal_false_alarms(whole):
    table = new_table()
    add(table, ALL, ALL)
    for one, expected in zip(results_of(table.cases(), {}), whole, strict=True):
        is_own = one.metric in ("resolvable_gap_mm", "resolved_at_1pct")
        assert math.isnan(one.value) == (is_own or math.isnan(expected.value))


def test_results_do_not_depend_on_batches_or_their_order(whole):
    table = new_table()
    for chosen in (slice(5, 12), NONE, slice(0, 1), slice(1, 5)):
        add(table, chosen, chosen)
    assert_same(results_of(table.cases(), THRESHOLDS), whole)


@pytest.mark.slow
def test_results_do_not_depend_on_processes_which_may_have_no_cases(whole, tmp_path):
    with multiprocessing.Manager() as manager:
        results = manager.dict()
        multiprocessing.spawn(
            measured.measure_a_part, (str(tmp_path / "rendezvous"), results), nprocs=2
        )
        for found in (*results[0], *results[1]):
            assert_same(found, whole)


def test_the_cases_are_kept_in_their_order_by_name():
    table = new_table()
    add(table, ALL, slice(6, None))
    add(table, NONE, slice(0, 6))
    (_, _, of_phantoms), (key, part, columns) = table.cases()
    assert (key, part) == (KEY, PAIR_SET)
    assert columns["index"].tolist() == list(range(12))
    assert columns["gap_mm"].tolist() == measured.GAPS_MM
    assert columns["dip"].tolist() == [0, 1, 1, 1] * 3
    assert np.isnan(of_phantoms["gap_mm"]).all()
    assert np.isnan(of_phantoms["psnr_db"]).tolist() == [True] + [False] * 11


def test_a_table_without_cases_is_empty_without_a_warning(whole):
    table = new_table()
    assert table.cases() == []
    add(table, NONE, NONE)
    assert results_of(table.cases(), THRESHOLDS) == []
    add(table, ALL, ALL)
    assert_same(results_of(table.cases(), THRESHOLDS), whole)


def test_the_results_can_be_read_on_the_way(whole):
    table = new_table()
    add(table, slice(0, 4), slice(0, 4))
    assert {
        r.num_cases
        for r in results_of(table.cases(), THRESHOLDS)
        if r.metric in ("psnr_db", "mass_r2")
    } == {3, 4}
    add(table, slice(4, None), slice(4, None))
    assert_same(results_of(table.cases(), THRESHOLDS), whole)
    assert_same(results_of(table.cases(), THRESHOLDS), whole)


def test_methods_are_kept_apart():
    other = MethodKey("Tikhonov", 0, "final")
    table = CaseTable([PHANTOM_SET], [KEY, other], measured.FIELD_OF_VIEW_M)
    estimate, sample = measured.phantoms()
    table.add(KEY, PHANTOM_SET, estimate, sample)
    table.add(other, PHANTOM_SET, sample.concentration, sample)
    values = {(r.label, r.metric): r.value for r in results_of(table.cases(), THRESHOLDS)}
    assert values["Tikhonov", "nrmse"] == 0
    assert values["cascade", "nrmse"] > 0.1


def test_metrics_are_computed_in_full_precision(whole):
    table = new_table()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        add(table, ALL, ALL)
    assert_same(results_of(table.cases(), THRESHOLDS), whole)
    estimate, sample = measured.phantoms()
    table = new_table()
    table.add(KEY, PHANTOM_SET, estimate.bfloat16(), sample)
    half = {r.metric: r.value for r in results_of(table.cases(), THRESHOLDS)}
    full = {r.metric: r.value for r in whole if r.set_name == "phantoms"}
    assert half == pytest.approx(full, rel=0.02, abs=0.02, nan_ok=True)


def test_copies_and_pickles_keep_the_cases_and_checkpoints_have_none(whole):
    table = new_table()
    add(table, ALL, ALL)
    assert_same(results_of(copy.deepcopy(table).cases(), THRESHOLDS), whole)
    assert not table.state_dict()
    columns = table.cases()[1].columns
    assert pickle.loads(pickle.dumps(columns)).keys() == columns.keys()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cases_are_kept_where_they_are_computed(whole):
    table = new_table()
    estimate, sample = measured.phantoms()
    for device, chosen in (("cpu", slice(0, 4)), ("cuda", slice(4, 9)), ("cpu", slice(9, 12))):
        some = chosen_cases(sample, chosen)
        some = Sample(*(column.to(device) for column in some[:3]), pairs=None)
        table.add(KEY, PHANTOM_SET, estimate[chosen].to(device), some)
    pairs, sample = measured.split_or_not([False, True, True, True] * 3, measured.GAPS_MM)
    geometry = PairGeometry(*(column.cuda() for column in sample.pairs))
    sample = Sample(*(column.cuda() for column in sample[:3]), pairs=geometry)
    table.add(KEY, PAIR_SET, pairs.cuda(), sample)
    for found, expected in zip(results_of(table.cases(), THRESHOLDS), whole, strict=True):
        assert found[:6] == expected[:6]
        assert found[6:] == pytest.approx(expected[6:], rel=1e-4, abs=1e-6, nan_ok=True)


def test_what_a_training_logs_is_known_before(whole):
    suite = Suite(name="val", sets=(PHANTOM_SET, PAIR_SET))
    values = logged(whole, "val")
    names = logged_metrics(suite)
    assert len(names) == len(set(names))
    assert set(values) == {f"val/{name}" for name in names if name.startswith("final/")}
    assert values["val/final/dip@0.3mm"] == 1
    assert values["val/final/resolvable_gap_mm"] == 0.3
    images = {name.replace("preliminary", "final") for name in names}
    assert images == {name for name in names if name.startswith("final/")}


def test_classical_methods_are_logged_by_their_name(whole):
    tikhonov = [result._replace(label="Tikhonov", value=-1.0) for result in whole]
    values = logged([*whole, *tikhonov], "test")
    assert values["test/Tikhonov/psnr_db"] == -1 < values["test/final/psnr_db"]
