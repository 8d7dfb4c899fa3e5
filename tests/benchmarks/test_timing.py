import json
import sys

import pytest
import torch
from timing import Table, in_turn, run, start

from mpi_cascade.checks import InputError


def test_alternatives_take_turns_and_warm_ups_do_not_count():
    order = []
    calls = {name: (lambda name=name: order.append(name)) for name in "ab"}
    seconds = in_turn(calls, num_rounds=3, num_warm_ups=1)
    assert "".join(order) == "abababab"
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}


def test_a_row_has_median_and_quartiles_and_its_aim(tmp_path, capsys):
    table = Table(tmp_path)
    row = table.add("name", "s", [5.0, 1.0, 2.0, 3.0, 4.0], aim="≤ 2")
    assert (row.low, row.median, row.high) == (2.0, 3.0, 4.0)
    assert " ".join(capsys.readouterr().out.split()) == "name 3 s (2 … 4) aim ≤ 2"
    row = table.add("name", "s", [7.0])
    assert (row.low, row.median, row.high) == (7.0, 7.0, 7.0)
    assert capsys.readouterr().out.split() == ["name", "7", "s"]


def test_a_ratio_is_taken_pair_by_pair(tmp_path):
    table = Table(tmp_path)
    table.ratio("name", [2.0, 30.0, 400.0], [1.0, 10.0, 100.0])
    (row,) = table.rows
    assert (row.low, row.median, row.high) == pytest.approx((2.5, 3.0, 3.5))


def test_a_process_has_a_cpu_time_and_one_that_fails_a_sentence():
    assert run("-c", "pass") > 0
    with pytest.raises(InputError, match="can't be timed: broken"):
        run("-c", "raise SystemExit('broken')")


def two_rows(table: Table, size: int = 2) -> None:
    """Measures little.

    Args:
        size: at which it fails, if 1
    """
    table.add("first", "s", [float(size)])
    if size == 1:
        raise InputError("size is 1: it fails")
    table.add("second", "s", [0.0])


@pytest.mark.parametrize(("size", "names"), [("3", ["first", "second"]), ("1", ["first"])])
def test_what_was_measured_is_written_even_if_the_rest_fails(size, names, monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    monkeypatch.setattr(sys, "argv", ["x.py", "--size", size, "--output", str(tmp_path / "out")])
    if size == "1":
        with pytest.raises(SystemExit, match="error: size is 1: it fails"):
            start(two_rows)
    else:
        start(two_rows)
    written = json.loads((tmp_path / "out" / "times.json").read_text())
    assert [row["name"] for row in written["rows"]] == names
    assert written["environment"]["threads"] == torch.get_num_threads()
