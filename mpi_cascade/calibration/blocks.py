"""What a calibration really knows, where the residuals of lines and harmonics repeat each other.

A model that is a little wrong leaves residuals that are alike from line to line and from position
to position. Uncertainties that take them for independent are then too small.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize

from mpi_cascade.calibration.fit import Fit, fit_scanner
from mpi_cascade.calibration.model import ScanModel
from mpi_cascade.calibration.quantities import Estimate
from mpi_cascade.calibration.scan import DeltaSampleScan

_FEWEST_BLOCKS = 3
_RISE = 3.84
"""Of χ² with one degree of freedom, where its 95 % range ends."""
_SMALLER, _LARGER = (0.75, 0.5, 0.25, 0.0), (1.25, 1.5, 2.0, 3.0)
"""Sizes that are tried beside the best one, relative to it."""


class Range(NamedTuple):
    """A range of values in m that the data can't tell apart.

    Attributes:
        low: Smallest value.
        high: Largest value; infinite if it goes on beyond what was tried.
    """

    low: float
    high: float


def with_block_uncertainties(scan: DeltaSampleScan, fit: Fit, device: torch.device) -> Fit:
    """Returns a fit with the largest of three uncertainties of each quantity and response.

    That of independent residuals, and those of leaving out each line and each harmonic in turn (the
    jackknife over blocks), where there are three or more.

    Args:
        scan: The scan.
        fit: The scanner that was fitted to all of it.
        device: Where voltages are computed.

    Source:
        H. R. Künsch, Ann. Stat. 17, 1989, doi:10.1214/aos/1176347265.
    """
    start = {name: estimate.value for name, estimate in fit.estimates.items()}
    known = {name: value for name, value in start.items() if fit.estimates[name].std == 0}
    lines = [scan.at(scan.y_m != y_m) for y_m in scan.line_y_m]
    without_lines = [(part, fit.harmonics) for part in lines if len(lines) >= _FEWEST_BLOCKS]
    without_harmonics = [
        (scan, tuple(other for other in fit.harmonics if other != harmonic))
        for harmonic in fit.harmonics
        if len(fit.harmonics) >= _FEWEST_BLOCKS
    ]
    parts = [part for part in (without_lines, without_harmonics) if part]
    fits = [[fit_scanner(*one, device, known, start) for one in part] for part in parts]
    scatters = [_jackknife(some) for some in fits]
    estimates = {
        name: Estimate(value, max(std, *(scatter.get(name, 0.0) for scatter in scatters), 0.0))
        for name, (value, std) in fit.estimates.items()
    }
    model = ScanModel(scan, fit.harmonics, device)
    stds = [fit.response_relative_std, *(_response_jackknife(some, fit, model) for some in fits)]
    return replace(fit, estimates=estimates, response_relative_std=np.max(stds, axis=0))


def sample_range_m(scan: DeltaSampleScan, fit: Fit, device: torch.device) -> Range:
    """Returns the sizes of the sample that explain a scan about as well as the best one.

    The profile of the misfit, all else fitted anew. A profile along a line of a harmonic counts as
    one independent measurement, however many positions it has.

    Args:
        scan: The scan.
        fit: The scanner that was fitted to it.
        device: Where voltages are computed.
    """
    best_m = fit.value("sample_size_m")
    start = {name: estimate.value for name, estimate in fit.estimates.items()}
    allowed = fit.misfit * (1 + _RISE / (len(fit.harmonics) * len(scan.line_y_m)))

    def excess(size_m: float) -> float:
        found = fit_scanner(scan, fit.harmonics, device, {"sample_size_m": size_m}, start)
        return found.misfit - allowed

    def end(sizes_m: Sequence[float], beyond_m: float) -> float:
        inner_m = best_m
        for outer_m in sizes_m:
            if excess(outer_m) > 0:
                return float(optimize.brentq(excess, inner_m, outer_m, xtol=0.02 * best_m))
            inner_m = outer_m
        return beyond_m

    return Range(
        low=end([share * best_m for share in _SMALLER], 0.0),
        high=end([share * best_m for share in _LARGER], math.inf),
    )


def _jackknife(fits: Sequence[Fit]) -> dict[str, float]:
    """Returns the standard uncertainty of each quantity from fits that lack a block each."""
    return {name: _spread([fit.value(name) for fit in fits]) for name in fits[0].estimates}


def _response_jackknife(fits: Sequence[Fit], whole: Fit, model: ScanModel) -> NDArray[np.float64]:
    """Returns the same of the size of each harmonic's response, of the fits that have it."""
    sizes: dict[int, list[float]] = {harmonic: [] for harmonic in whole.harmonics}
    for fit in fits:
        profiles = model.profiles({name: e.value for name, e in fit.estimates.items()})
        means = dict(zip(whole.harmonics, np.abs(profiles).mean(axis=1), strict=True))
        for harmonic, scale in zip(fit.harmonics, fit.scale, strict=True):
            sizes[harmonic].append(math.log(scale * means[harmonic]) if scale > 0 else math.inf)
    return np.array([_spread(some) for some in sizes.values()])


def _spread(values: Sequence[float]) -> float:
    if not np.isfinite(values).all():
        return math.inf
    return math.sqrt((len(values) - 1) * float(np.var(values)))
