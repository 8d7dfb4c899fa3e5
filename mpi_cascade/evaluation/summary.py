"""Results of single trainings → one number per label, with its interval."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from mpi_cascade.evaluation.confidence import student_interval
from mpi_cascade.evaluation.methods import FINAL, Method
from mpi_cascade.evaluation.table import Result

_SHARES = (
    "resolved_at_1pct", "resolved", "split_at_1pct", "false_splits", "roc_resolved_1pct",
    "roc_resolved_5pct",
)  # fmt: skip
_GAPS = ("resolvable_gap_mm", "resolvable_gap_rayleigh_mm")
_COARSE = (*_SHARES, *_GAPS)
"""Shares and gaps have few possible values: seeds often agree by chance."""

_BOUNDS = {
    "ssim": (-1.0, 1.0),
    "mass_r2": (-math.inf, 1.0),
    **dict.fromkeys((*_SHARES, "roc_area"), (0.0, 1.0)),
    **dict.fromkeys(
        (
            "nrmse", "non_uniformity", "disc_non_uniformity", "ghost_energy", *_GAPS, "width_mm",
            "localisation_error_mm",
        ),
        (0.0, math.inf),
    ),
}  # fmt: skip
"""The least and the greatest value that a metric can have, where there is one."""


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
            cases where there is one. For a share or a gap over seeds, also no narrower than over
            the cases of any seed, and NaN where that isn't known. Never beyond what the metric can
            be.
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
    """How much better or worse one label is than the first, seed by seed.

    Attributes:
        label: The method's name.
        reference: The label that is taken off.
        set_name: The set of scans.
        metric: Name of the metric of the final image, over all of the set.
        value: Mean difference over the seeds.
        low: Lower end of its 95 % interval (Student's t of the differences); NaN for a share or a
            gap, on whose few values the differences of seeds agree by chance.
        high: Upper end.
        num_seeds: Number of seeds that both labels have.
    """

    label: str
    reference: str
    set_name: str
    metric: str
    value: float
    low: float
    high: float
    num_seeds: int


def paired_differences(results: Iterable[Result], methods: Sequence[Method]) -> list[Difference]:
    """Returns every label minus the first, over the seeds that both have, two or more.

    Trainings of the same seeds have the same samples, so that what the seed does to both drops out.

    Args:
        results: The results.
        methods: The methods.
    """
    reference = methods[0].label
    pairs = paired_trainings(methods)
    values: dict[tuple[str, str], dict[tuple[str, int], float]] = defaultdict(dict)
    for result in results:
        if result.image == FINAL and result.gap_mm is None:
            values[result.set_name, result.metric][result.label, result.number] = result.value
    found: list[Difference] = []
    for key, of_training in values.items():
        for label, numbers in pairs.items():
            if len(numbers) > 1:
                apart = [of_training[label, n] - of_training[reference, m] for n, m in numbers]
                value, low, high = student_interval(np.array(apart))
                if key[1] in _COARSE:
                    low = high = math.nan
                found.append(Difference(label, reference, *key, value, low, high, len(apart)))
    return found


def paired_trainings(methods: Sequence[Method]) -> dict[str, list[tuple[int, int]]]:
    """Returns which trainings of each other label and of the first label have the same seeds.

    Args:
        methods: The methods.

    Returns:
        By label: pairs of the numbers of the trainings, the label's and the first label's.
    """
    references = [method for method in methods if method.label == methods[0].label]
    return {
        label: [
            (one.number, other.number)
            for one in methods
            for other in references
            if one.label == label and one.seeds and one.seeds == other.seeds
        ]
        for label in dict.fromkeys(method.label for method in methods)
        if label != methods[0].label
    }


def notes_on_pairs(methods: Sequence[Method]) -> list[str]:
    """Returns a sentence for each label of several trainings that are not all paired.

    Args:
        methods: The methods.
    """
    reference = methods[0].label
    counts = Counter(method.label for method in methods)
    return [
        f"{label} ({counts[label]} trainings) and {reference} ({counts[reference]}) have "
        f"{len(pairs)} seeds in common: "
        + ("differences are over those alone" if len(pairs) > 1 else "no differences are taken")
        for label, pairs in paired_trainings(methods).items()
        if counts[label] > 1 and not len(pairs) == counts[label] == counts[reference]
    ]


def _value_and_interval(seeds: list[Result]) -> tuple[float, float, float]:
    if len(seeds) == 1:
        return seeds[0].value, seeds[0].low, seeds[0].high
    metric = seeds[0].metric
    value, low, high = student_interval(np.array([result.value for result in seeds]))
    if metric in _COARSE:
        # Three times 0 of 100 is no certainty of 0: no narrower than over the cases.
        low = np.min([low, *(result.low for result in seeds)])
        high = np.max([high, *(result.high for result in seeds)])
    low, high = np.clip((low, high), *_BOUNDS.get(metric, (-math.inf, math.inf))).tolist()
    return value, low, high
