"""Times of alternatives that do the same work, taken in turn so that both see the same machine.

Must not know what is timed.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

Times = Mapping[str, Sequence[float]]
"""Seconds of every round by the name of the alternative."""

Advance = Callable[[str], None]
"""Called with what is measured next."""


class Row(NamedTuple):
    """One measured number.

    Attributes:
        section: Part of the benchmark.
        name: What was measured.
        unit: Its unit; ``×`` for ratios.
        value: Median over the rounds.
        low: Lower quartile; the number itself where there is one.
        high: Upper quartile.
    """

    section: str
    name: str
    unit: str
    value: float
    low: float
    high: float


def in_turn(
    alternatives: Mapping[str, Callable[[], object]], num_rounds: int, num_warm_ups: int = 2
) -> dict[str, list[float]]:
    """Returns the seconds of every alternative in every round, each round all in turn.

    Args:
        alternatives: What to call, by name.
        num_rounds: Rounds that count.
        num_warm_ups: Rounds before them that don't.
    """
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    for number in range(num_warm_ups + num_rounds):
        for name, call in alternatives.items():
            start = time.perf_counter()
            call()
            if number >= num_warm_ups:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def spread(section: str, name: str, unit: str, values: Sequence[float]) -> Row:
    """Returns the median and the quartiles of values."""
    if len(values) < 2:
        return Row(section, name, unit, values[0], values[0], values[0])
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Row(section, name, unit, middle, low, high)


def per_sample(section: str, times: Times, num_samples: int) -> list[Row]:
    """Returns milliseconds per sample of calls that make ``num_samples`` each."""
    return [
        spread(section, name, "ms per sample", [1e3 * second / num_samples for second in seconds])
        for name, seconds in times.items()
    ]


def ratio(section: str, name: str, slow: Sequence[float], fast: Sequence[float]) -> Row:
    """Returns how many times as long ``slow`` took, round by round."""
    return spread(section, name, "×", [a / b for a, b in zip(slow, fast, strict=True)])
