import math
import re

from mpi_cascade.evaluation.bounds import Bound
from mpi_cascade.evaluation.convergence import Progress
from mpi_cascade.evaluation.limit_tables import bound_rows, limit_table
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.summary import Summary
from mpi_cascade.evaluation.tables import convergence_table, summary_table
from mpi_cascade.evaluation.threshold_tables import off_table, roc_table, threshold_table
from mpi_cascade.evaluation.thresholds import Threshold


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
        summary("l1", "split_at_1pct", 0.01, 0.01, set_name="capsules along x", gap_mm=0.1),
        summary("l1", "split_at_1pct", 0.04, 0.01, set_name="capsules along y", gap_mm=0.2),
        summary("l1", "false_splits", 0.5, 0.01, set_name="capsules along y", gap_mm=0.2),
        summary("l1", "split_at_1pct", 0.9, 0.01, set_name="least favourable", gap_mm=0.2),
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
        for metric, value in (("resolved_at_1pct", 0.4), ("resolved", 0.5), ("dip", 0.3))
        for gap_mm in (0.1, 0.2)
    ]
    found = cells(summary_table([summary("mse", "psnr_db", 30.0), *rows], {"mse": 1.0}))
    assert found[4:-1] == [
        ["pairs resolved at 0.1 mm / %", "40.0 (30.0 … 50.0)"],
        ["pairs resolved at 0.2 mm / %", "40.0 (30.0 … 50.0)"],
        ["by dip 0.265 at 0.1 mm / %", "50.0 (40.0 … 60.0)"],
        ["by dip 0.265 at 0.2 mm / %", "50.0 (40.0 … 60.0)"],
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


def limit(name, gap_mm, d_prime, outline, off=math.nan):
    return Limit(name, gap_mm, d_prime, outline, 0.5, 5.0, off, off / 10)


def test_a_limit_table_is_of_one_set():
    found = [limit("pairs", 0.1, 1.234, 17.3), limit("other", 0.1, 9.0, 9.0, 1.0),
             limit("pairs", 0.2, 11.9, 65.0)]  # fmt: skip
    assert cells(limit_table(found, "pairs", [["more", "1", "2"]])) == [
        ["gap / mm", "0.1", "0.2"],
        ["---"] * 3,
        ["d′, any capsule", "1.2", "11.9"],
        ["d′, outline's capsule", "17.3", "65.0"],
        ["least splits if 95 % are resolved / %", "50.0", "50.0"],
        ["more", "1", "2"],
    ]
    other = cells(limit_table(found, "other"))
    assert ["d′, scanner known to 5 %", "1.0"] in other
    assert ["least splits, scanner known to 5 % / %", "10.0"] in other


def test_bounds_stand_beside_what_was_measured():
    found = [
        Bound("mse", "final", "pairs", gap_mm, "resolved_at_1pct", 1.0, 0.9, 0.61, split, split / 2,
              1.5 * split, 0.3, is_suspect)
        for gap_mm, split, is_suspect in ((0.1, 0.6, False), (0.2, 0.1, True))
    ]  # fmt: skip
    others = [bound._replace(image="preliminary") for bound in found]
    others += [bound._replace(criterion="resolved") for bound in found]
    others += [bound._replace(set_name="other") for bound in found]
    assert bound_rows([*others, *found], "pairs") == [
        ["mse: resolved / %", "90.0", "90.0"],
        ["… so at least split / %", "61.0", "61.0"],
        ["… split / %", "60.0 (30.0 … 90.0)", "10.0 (5.0 … 15.0), suspect"],
        ["… so at least missed / %", "30.0", "30.0"],
    ]


def test_thresholds_of_several_trainings_are_numbered():
    one = Threshold("mse", 0, "final", 0.21349, 300, 0.05)
    rows = cells(threshold_table([one, one._replace(image="preliminary", threshold=math.nan)]))
    assert rows[2:] == [["mse", "0.213", "300", "5.0"], ["mse, preliminary", "–", "300", "5.0"]]
    rows = cells(threshold_table([one, one._replace(number=1)]))
    assert rows[0] == ["method", "training", "threshold", "nulls", "split by dip 0.265 / %"]
    assert [row[1] for row in rows[2:]] == ["0", "1"]


def test_the_roc_has_a_cell_for_every_gap_that_a_set_has():
    values = {"roc_area": 0.95, "roc_resolved_1pct": math.nan, "roc_resolved_5pct": 0.5}
    rows = [
        summary(label, metric, value, set_name=name, gap_mm=gap_mm)
        for metric, value in values.items()
        for label, name, gap_mm in (("mse", "x", 0.1), ("mse", "x", 0.2), ("l1", "y", 0.2))
    ]
    assert cells(roc_table(rows)) == [
        ["pairs", "method", "0.1 mm", "0.2 mm"],
        ["---"] * 4,
        ["x", "mse", "0.950; – / 50", "0.950; – / 50"],
        ["y", "l1", "", "0.950; – / 50"],
    ]


def test_scanners_that_are_off_have_quality_mass_resolution_and_splits():
    name = "gradient +5 %"
    rows = [
        summary("mse", "psnr_db", 27.0, 1.0, set_name=name),
        summary("mse", "mass_r2", 0.9, 0.01, set_name=name),
        summary("mse", "mass_bias", -0.1, 0.01, set_name=name),
        summary("mse", "resolved_at_1pct", 0.5, 0.1, set_name=f"pairs, {name}", gap_mm=0.3),
        summary("mse", "split_at_1pct", 0.2, 0.1, set_name=f"nulls, {name}"),
        summary("mse", "false_splits", 0.4, 0.1, set_name=f"nulls, {name}"),
    ]
    head, _, row = cells(off_table(rows, [name]))
    assert dict(zip(head, row, strict=True)) == {
        "true scanner": name, "method": "mse", "PSNR / dB": "27.00 (26.00 … 28.00)",
        "mass R²": "0.900 (0.890 … 0.910)", "mass bias / %": "-10.0 (-11.0 … -9.0)",
        "resolved at 0.15 mm / %": "", "resolved at 0.3 mm / %": "50 (40 … 60)",
        "resolved at 0.5 mm / %": "", "nulls split / %": "20 (10 … 30)",
        "… by dip 0.265 / %": "40 (30 … 50)",
    }  # fmt: skip


def test_convergence_is_told_method_by_method():
    progress = {
        "ART": [Progress("ART", 5, 0.001, 20.0, 0.3), Progress("ART", 10, 0.002, 20.01, 0.31)],
        "ADMM": [Progress("ADMM", 1, 0.003, 30.0, 0.5)],
    }
    assert cells(convergence_table(progress))[2:] == [
        ["ART", "5 → 20.00, 0.300; 10 → 20.01, 0.310", "2", "yes"],
        ["ADMM", "1 → 30.00, 0.500", "3", "no"],
    ]
