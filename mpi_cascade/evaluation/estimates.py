"""Statistics of the cases of a set, each with its interval."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mpi_cascade.evaluation.confidence import (
    Interval,
    bootstrap_interval,
    student_interval,
    wilson_interval,
)
from mpi_cascade.metrics.resolution import RAYLEIGH_DIP, resolvable_gap

Columns = Mapping[str, NDArray[np.float64]]
"""Values of cases by the name of the column, each (cases,), NaN where one is undefined."""

MassFunction = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


class Estimate(NamedTuple):
    """A statistic of cases.

    Attributes:
        value: The statistic.
        low: Lower end of its 95 % interval over the cases.
        high: Upper end.
        num_cases: Cases on which it is defined.
    """

    value: float
    low: float
    high: float
    num_cases: int


Statistic = Callable[[Columns], Estimate]

OWN_THRESHOLD = "threshold"
"""The column of the dip at which a method resolves: 1 % of single objects reach it, NaN if none."""


def mean_of(column: str) -> Statistic:
    """Returns the mean of a column over the cases where it is defined, as a statistic."""

    def mean(columns: Columns) -> Estimate:
        values = columns[column]
        return _estimate(student_interval, values[~np.isnan(values)])

    return mean


def share_above_rayleigh(columns: Columns) -> Estimate:
    """Returns the share of the dips that reach Rayleigh's."""
    return _estimate(wilson_interval, columns["dip"] >= RAYLEIGH_DIP)


def share_above_own(columns: Columns) -> Estimate:
    """Returns the share of the dips that reach their method's own threshold; NaN without one."""
    if np.isnan(columns[OWN_THRESHOLD]).any():
        return Estimate(math.nan, math.nan, math.nan, num_cases=len(columns["dip"]))
    return _estimate(wilson_interval, columns["dip"] >= columns[OWN_THRESHOLD])


def gap_resolved(share: Statistic) -> Statistic:
    """Returns the smallest gap in mm from which on nearly every pair is resolved, as a statistic.

    Its interval reaches from the smallest gap that the upper ends of every gap's Wilson interval
    allow, to the smallest that the lower ends guarantee: NaN at the upper end means that so few
    cases cannot show it.

    Args:
        share: The share of the pairs that is resolved.
    """

    def gap_mm(columns: Columns) -> Estimate:
        gaps_mm = np.unique(columns["gap_mm"])
        shares = [
            share({name: of_all[columns["gap_mm"] == gap] for name, of_all in columns.items()})[:3]
            for gap in gaps_mm
        ]
        value, highest, lowest = (
            float(resolvable_gap(torch.from_numpy(gaps_mm), torch.tensor(of_gaps)))
            for of_gaps in (zip(*shares, strict=True) if shares else [[]] * 3)
        )
        return Estimate(value, lowest, highest, len(columns["dip"]))

    return gap_mm


def mass_statistic(function: MassFunction) -> Statistic:
    """Returns a function of true and recovered tracer masses as a statistic."""

    def of_masses(columns: Columns) -> Estimate:
        rows = np.stack((columns["true_mass_m2"], columns["mass_m2"]), axis=1)
        rows = rows[~np.isnan(rows).any(axis=1)]
        return Estimate(
            *bootstrap_interval(rows, lambda tables: function(tables[..., 0], tables[..., 1])),
            num_cases=len(rows),
        )

    return of_masses


def mass_bias(true: NDArray[np.float64], recovered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns Σ(m̂ − m)/Σm over images of tracer m, recovered as m̂; NaN without any tracer.

    0 is best, negative loses tracer. It is relative to all tracer, not image by image, so that
    nearly empty images don't rule it.

    Args:
        true: The tracer m of each image, (…, images).
        recovered: The tracer m̂.
    """
    total = true.sum(axis=-1)
    total = np.where(total > 0, total, np.nan)
    return np.asarray((recovered.sum(axis=-1) - total) / total)


def mass_r2(true: NDArray[np.float64], recovered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns R² = 1 − Σ(m̂ − m)²/Σ(m − m̄)² of images of tracer m, recovered as m̂.

    It is negative if bad, and NaN where all images hold the same tracer.

    Args:
        true: The tracer m of each image, (…, images).
        recovered: The tracer m̂.
    """
    scatter = np.square(true - true.mean(axis=-1, keepdims=True)).sum(axis=-1)
    # The mean of equal numbers may differ from them by rounding.
    scatter = np.where(true.min(axis=-1) < true.max(axis=-1), scatter, np.nan)
    return np.asarray(1 - np.square(recovered - true).sum(axis=-1) / scatter)


def _estimate(interval: Callable[[NDArray[Any]], Interval], values: NDArray[Any]) -> Estimate:
    return Estimate(*interval(values), num_cases=len(values))
