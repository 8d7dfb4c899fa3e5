"""Results of single trainings → one number per label, with its interval.

Must not know how numbers are shown.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from mpi_cascade.comparison.measuring import Result
from mpi_cascade.comparison.methods import FINAL

_SHARES = ("resolved", "false_splits")


class Summary(NamedTuple):
    """One number of one label.

    Attributes:
        label: The method's name.
        image: ``final`` or ``preliminary``.
        set_name: The set of scans.
        metric: Name of the metric, with its unit.
        gap_mm: The gap in mm, None for a metric over all of the set.
        value: The mean over the label's seeds.
        low: Lower end of the 95 % interval: over seeds (Student's t) where there are several, over
            cases where there is one. For a share over seeds, also no narrower than over cases.
        high: Upper end.
        num_seeds: Number of seeds.
        num_cases: Number of cases of each seed.
    """

    label: str
    image: str
    set_name: str
    metric: str
    gap_mm: float | None
    value: float
    low: float
    high: float
    num_seeds: int
    num_cases: int


def summarise(results: Iterable[Result]) -> list[Summary]:
    """Returns the results with the seeds of each label taken together."""
    groups: dict[tuple[str, str, str, str, float | None], list[Result]] = defaultdict(list)
    for result in results:
        key = result.label, result.image, result.set_name, result.metric, result.gap_mm
        groups[key].append(result)
    return [
        Summary(
            *key, *_value_and_interval(seeds), num_seeds=len(seeds), num_cases=seeds[0].num_cases
        )
        for key, seeds in groups.items()
    ]


class Difference(NamedTuple):
    """How much better or worse one label is than another, seed by seed.

    Attributes:
        label: The method's name.
        reference: The label that is taken off.
        set_name: The set of scans.
        metric: Name of the metric of the final image, over all of the set.
        value: Mean difference over the seeds.
        low: Lower end of its 95 % interval (Student's t of the differences).
        high: Upper end.
        num_seeds: Number of seeds.
    """

    label: str
    reference: str
    set_name: str
    metric: str
    value: float
    low: float
    high: float
    num_seeds: int


def differences(results: Iterable[Result], reference: str) -> list[Difference]:
    """Returns the differences of every label with as many seeds as the reference, two or more.

    The n-th training of a label is set against the n-th of the reference: trainings of one seed
    have the same samples, so that what the seed does to both drops out.

    Args:
        results: The results.
        reference: The label that is taken off.
    """
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        if result.image == FINAL and result.gap_mm is None:
            values[result.set_name, result.metric][result.label].append(result.value)
    return [
        Difference(
            label,
            reference,
            *key,
            *student_interval(np.subtract(seeds, of_label[reference])),
            len(seeds),
        )
        for key, of_label in values.items()
        for label, seeds in of_label.items()
        if label != reference and 1 < len(seeds) == len(of_label.get(reference, []))
    ]


def _value_and_interval(seeds: list[Result]) -> tuple[float, float, float]:
    if len(seeds) == 1:
        return seeds[0].value, seeds[0].low, seeds[0].high
    value, low, high = student_interval(np.array([result.value for result in seeds]))
    if seeds[0].metric in _SHARES:
        # Three times 0 of 100 is no certainty of 0: no narrower than over the cases.
        low = max(min(low, *(result.low for result in seeds)), 0.0)
        high = min(max(high, *(result.high for result in seeds)), 1.0)
    return value, low, high


def student_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Returns the mean of two or more numbers, and both ends of its 95 % interval (Student's t)."""
    mean = float(values.mean())
    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return mean, mean - half, mean + half
