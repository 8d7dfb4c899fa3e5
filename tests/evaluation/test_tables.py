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
    assert cells(summary_table(rows, times_s)) == [
        [
            "method",
            "seeds",
            "PSNR / dB",
            "resolvable gap / mm",
            "worst capsules split / %",
            "ms per image",
        ],
        ["---"] * 6,
        ["l1", "2", "31.25 (31.12 … 31.38)", "0.20 (0.15 … 0.25)", "4.0 (3.0 … 5.0)", "1.23"],
        ["mse", "2", "30.00 (29.50 … 30.50)", "", "", "2"],
        ["l1, preliminary", "2", "28.00 (27.50 … 28.50)", "", "", ""],
        ["none", "2", "–", "", "", "1e+03"],
    ]


def test_ends_that_are_not_known_say_so():
    rows = [summary("mse", "psnr_db", 30.0, math.nan)]
    assert cells(summary_table(rows, {"mse": 1.0}))[2][2] == "30.00"
    gap = summary("mse", "resolvable_gap_mm", 0.2, 0.1, set_name="pairs")._replace(high=math.nan)
    assert cells(summary_table([*rows, gap], {"mse": 1.0}))[2][3] == "0.20 (0.10 … ?)"


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
    steps = [Progress("ART", 5, 0.001, 20.0), Progress("ART", 10, 0.002, 20.01),
             Progress("ADMM", 1, 0.003, 30.0)]  # fmt: skip
    assert cells(convergence_table(steps))[2:] == [
        ["ART", "5 → 20.00, 10 → 20.01", "2", "yes"],
        ["ADMM", "1 → 30.00", "3", "no"],
    ]
