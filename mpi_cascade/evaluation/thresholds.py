"""The dip at which each method resolves, and how it does where false alarms are held equal."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.evaluation.confidence import Interval, wilson_interval
from mpi_cascade.evaluation.measures import NULLS, PAIRS
from mpi_cascade.evaluation.operating_points import (
    FALSE_ALARMS,
    nulls_needed,
    roc_area,
    threshold_at,
)
from mpi_cascade.evaluation.table import Cases, MethodKey, Result, results_of
from mpi_cascade.metrics.resolution import RAYLEIGH_DIP

ALL_NULLS = "all nulls"
"""Name of the nulls of all sets of the scanner as it is believed to be, taken together."""

_ROC_RATES = {"roc_resolved_1pct": 0.01, "roc_resolved_5pct": 0.05}

ROC_METRICS = ("roc_area", *_ROC_RATES)
"""What is known of a set of pairs and the nulls of its suite together."""


class Threshold(NamedTuple):
    """The dip at which a method's image resolves, chosen on nulls that are in no suite.

    Attributes:
        label: The method's name.
        number: Number of the training among those of its label.
        image: ``final`` or ``preliminary``.
        threshold: The smallest dip that at most 1 % of the nulls reach; NaN of too few nulls.
        num_nulls: Number of nulls.
        split_at_rayleigh: Share of them that reach Rayleigh's dip.
    """

    label: str
    number: int
    image: str
    threshold: float
    num_nulls: int
    split_at_rayleigh: float


def dip_thresholds(found: Iterable[Cases]) -> list[Threshold]:
    """Returns the threshold of every method that has nulls among its cases.

    Args:
        found: The cases of one set of nulls, and any others.
    """
    return [
        Threshold(
            *cases.key,
            threshold_at(dips) if len(dips) >= nulls_needed(FALSE_ALARMS) else math.nan,
            len(dips),
            float((dips >= RAYLEIGH_DIP).mean()),
        )
        for cases in found
        if cases.part.kind is NULLS
        for dips in [cases.columns["dip"]]
    ]


def by_method(thresholds: Iterable[Threshold]) -> dict[MethodKey, float]:
    """Returns the thresholds by what makes the image."""
    return {MethodKey(*item[:3]): item.threshold for item in thresholds}


def own_results(found: Sequence[Cases]) -> list[Result]:
    """Returns every metric, each method's threshold that of the nulls among these very cases.

    Args:
        found: The cases.
    """
    return results_of(found, by_method(dip_thresholds(found)))


def all_results(found: Sequence[Cases], thresholds: Iterable[Threshold]) -> list[Result]:
    """Returns every metric of a suite, its nulls taken together, and the ROC of its pairs.

    Args:
        found: The cases.
        thresholds: The methods' thresholds.
    """
    together = _together(found)
    results = results_of([*found, *together], by_method(thresholds))
    return results + [result for cases in found for result in _roc(cases, found)]


def _together(found: Sequence[Cases]) -> list[Cases]:
    """Returns the nulls of several sets, on the scanner as believed, as those of one set."""
    nulls = [cases for cases in found if cases.part.kind is NULLS and not cases.part.true_scanner]
    joined: list[Cases] = []
    for key in dict.fromkeys(cases.key for cases in nulls):
        of_key = [cases for cases in nulls if cases.key == key]
        if len(of_key) > 1:
            columns = {
                name: np.concatenate([cases.columns[name] for cases in of_key])
                for name in of_key[0].columns
            }
            joined.append(
                of_key[0]._replace(part=replace(of_key[0].part, name=ALL_NULLS), columns=columns)
            )
    return joined


def _roc(cases: Cases, found: Sequence[Cases]) -> Iterable[Result]:
    """Yields the ROC of pairs against the nulls of the same method, scanner and noise."""
    if cases.part.kind is not PAIRS:
        return
    nulls = [
        other.columns["dip"]
        for other in found
        if other.part.kind is NULLS and other.key == cases.key and _are_alike(other, cases)
    ]
    if not nulls:
        return
    dips = np.concatenate(nulls)
    for gap_mm in np.unique(cases.columns["gap_mm"]).tolist():
        of_gap = cases.columns["dip"][cases.columns["gap_mm"] == gap_mm]
        values: dict[str, Interval] = {"roc_area": roc_area(of_gap, dips)}
        for metric, rate in _ROC_RATES.items():
            values[metric] = _resolved_at(of_gap, dips, rate)
        for metric, interval in values.items():
            yield Result(
                *cases.key, cases.part.name, metric, gap_mm, *interval, num_cases=len(of_gap)
            )


def _resolved_at(pairs: NDArray[np.float64], nulls: NDArray[np.float64], rate: float) -> Interval:
    """Returns the share of pairs above the dip that a share of these nulls reach."""
    if len(nulls) < nulls_needed(rate):
        return math.nan, math.nan, math.nan
    return wilson_interval(pairs >= threshold_at(nulls, rate))


def _are_alike(one: Cases, other: Cases) -> bool:
    names = ("true_scanner", "disturbances", "peak_snr_db", "oversampling")
    return all(getattr(one.part, name) == getattr(other.part, name) for name in names)
