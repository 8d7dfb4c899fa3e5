import math
import re

from mpi_cascade.evaluation.convergence import Progress
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.summary import Summary
from mpi_cascade.evaluation.tables import (
    convergence_table,
    limit_table,
    summary_table,
)


def summary(label, metric, value, half=0.5, image="final", set_name="phantoms", gap_mm=None):
    low, high = value - half, value + half
    return Summary(label, image, set_name, metric, gap_mm, value, low, high, 2, 64)


def cells(table):
    """The cells of a table without the padding that aligns them."""
    lines = [line.strip("|").split("|") for line in table.splitlines()]
    return [[re.sub("^-+$", "---", cell.strip()) for cell in line] for line in lines]


def test_the_best_comes_first_with_its_interval():
    rows = [
        summary("mse", "psnr_db", 30.0), summary("l1", "psnr_db", 31.25, 0.125),
        summary("l1", "psnr_db", 28.0, image="preliminary"),
        summary("none", "psnr_db", math.nan),
        summary("l1", "resolvable_gap_mm", 0.2, 0.05, set_name="pairs"),
        summary("l1", "false_splits", 0.01, 0.01, set_name="capsules", gap_mm=0.1),
        summary("l1", "false_splits", 0.04, 0.01, set_name="capsules, other", gap_mm=0.2),
        # A value at one gap is none of the set's.
        summary("mse", "resolvable_gap_mm", 9.0, set_name="pairs", gap_mm=0.1),
    ]  # fmt: skip
    times_s = {"mse": 0.002, "l1": 0.00123, "none": 1.0}
    found = cells(summary_table(rows, times_s))
    assert found[:2] == [["method", "l1", "mse", "l1, preliminary", "none"], ["---"] * 5]
    of_mse = "30.00 (29.50 … 30.50)"
    expected = [
        ["seeds", "2", "2", "2", "2"],
        ["PSNR / dB", "31.25 (31.12 … 31.38)", of_mse, "28.00 (27.50 … 28.50)", "–"],
        ["resolvable gap / mm", "0.20 (0.15 … 0.25)", "", "", ""],
        ["worst capsules split / %", "4.0 (3.0 … 5.0)", "", "", ""],
        ["ms per image", "1.23", "2", "", "1e+03"],
    ]
    assert [row for row in found[2:] if "at 0.1 mm" not in row[0]] == expected


def test_each_gap_of_a_short_suite_is_shown():
    rows = [
        summary("mse", metric, value, 0.1, set_name="pairs", gap_mm=gap_mm)
        for metric, value in (("resolved", 0.5), ("dip", 0.3))
        for gap_mm in (0.1, 0.2)
    ]
    assert cells(summary_table([summary("mse", "psnr_db", 30.0), *rows], {}))[4:] == [
        ["pairs resolved at 0.1 mm / %", "50.0 (40.0 … 60.0)"],
        ["pairs resolved at 0.2 mm / %", "50.0 (40.0 … 60.0)"],
        ["their dip at 0.1 mm", "0.30 (0.20 … 0.40)"],
        ["their dip at 0.2 mm", "0.30 (0.20 … 0.40)"],
    ]


def test_a_table_of_many_methods_stands_upright():
    labels = [f"method {number}" for number in range(9)]
    rows = [summary(label, "psnr_db", -float(place)) for place, label in enumerate(labels)]
    found = cells(summary_table(rows, dict.fromkeys(labels, 0.001)))
    assert found[0] == ["method", "seeds", "PSNR / dB", "ms per image"]
    assert [row[0] for row in found[2:]] == labels


def test_ends_that_are_not_known_say_so():
    rows = [summary("mse", "psnr_db", 30.0, math.nan)]
    assert ["PSNR / dB", "30.00"] in cells(summary_table(rows, {"mse": 1.0}))
    gap = summary("mse", "resolvable_gap_mm", 0.2, 0.1, set_name="pairs")._replace(high=math.nan)
    found = cells(summary_table([*rows, gap], {"mse": 1.0}))
    assert ["resolvable gap / mm", "0.20 (0.10 … ?)"] in found


def test_a_limit_table_is_of_one_set():
    found = [Limit("pairs", 0.1, 1.234, 17.3), Limit("other", 0.1, 9.0, 9.0),
             Limit("pairs", 0.2, 11.9, 65.0)]  # fmt: skip
    assert cells(limit_table(found, "pairs")) == [
        ["gap / mm", "0.1", "0.2"],
        ["---"] * 3,
        ["d′, any capsule", "1.2", "11.9"],
        ["d′, outline's capsule", "17.3", "65.0"],
    ]


def test_convergence_is_told_method_by_method():
    steps = [Progress("ART", 5, 0.001, 20.0, 0.3), Progress("ART", 10, 0.002, 20.01, 0.31),
             Progress("ADMM", 1, 0.003, 30.0, 0.5)]  # fmt: skip
    assert cells(convergence_table(steps))[2:] == [
        ["ART", "5 → 20.00, 0.300; 10 → 20.01, 0.310", "2", "yes"],
        ["ADMM", "1 → 30.00, 0.500", "3", "no"],
    ]
