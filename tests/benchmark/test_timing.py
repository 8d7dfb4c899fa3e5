import pytest

from mpi_cascade.benchmark.timing import in_turn, ratio, spread


def test_alternatives_take_turns_and_warm_ups_do_not_count():
    order = []
    calls = {name: (lambda name=name: order.append(name)) for name in "ab"}
    seconds = in_turn(calls, num_rounds=3, num_warm_ups=1)
    assert "".join(order) == "abababab"
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}


def test_spread_is_median_and_quartiles():
    row = spread("part", "name", "s", [5.0, 1.0, 2.0, 3.0, 4.0])
    assert (row.low, row.value, row.high) == (2.0, 3.0, 4.0)
    row = spread("part", "name", "s", [7.0])
    assert (row.low, row.value, row.high) == (7.0, 7.0, 7.0)


def test_a_ratio_is_taken_round_by_round():
    row = ratio("part", "name", [2.0, 30.0, 400.0], [1.0, 10.0, 100.0])
    assert (row.low, row.value, row.high) == pytest.approx((2.5, 3.0, 3.5))
