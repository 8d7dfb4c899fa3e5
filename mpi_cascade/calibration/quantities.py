"""The quantities that a calibration fits: their scales, bounds, starts and uncertainties.

Lengths are searched in units of the scan's width, gradients and the diameter by their logarithm.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.calibration.scan import DeltaSampleScan
from mpi_cascade.checks import InputError

_STEP = 1e-5
"""Of a vector's entry, in a difference quotient."""

_START_DIAMETERS_M = (15e-9, 20e-9, 25e-9, 30e-9)
_START_WIDTHS = tuple(np.geomspace(0.03, 2.0, 7))
_START_RATIOS = (1.0, 2.0)

NOTHING: Mapping[str, float] = MappingProxyType({})
"""No quantity is known."""


class Estimate(NamedTuple):
    """A fitted quantity.

    Attributes:
        value: Its value, in the unit that its name says.
        std: Its standard uncertainty; infinite where the data do not tell, 0 where it was given.
    """

    value: float
    std: float


class Quantities:
    """The quantities of a scan, and the vector that stands for them in a least-squares search.

    Args:
        scan: The scan, whose width, centre and drive field set the scales.
        known: Values of quantities that are not searched for, by name.

    Attributes:
        bounds: The lower and the upper bound of every entry of the vector.

    Raises:
        InputError: If all positions have one x.
    """

    def __init__(self, scan: DeltaSampleScan, known: Mapping[str, float] = NOTHING) -> None:
        self._scan, self._known = scan, dict(known)
        self._width_m = width_m = float(np.ptp(scan.x_m))
        if not width_m > 0:
            raise InputError(
                "the scan has one position along x, the drive direction: measure several"
            )
        # The gradient at which the drive field moves the FFP over the whole width.
        self._gradient_t_per_m = 2 * scan.drive_amplitude_t / width_m
        is_log, gradient = True, (self._gradient_t_per_m, 0.05, 500.0, True)
        # Unit, bounds in this unit, and whether the entry is a logarithm.
        scales = {
            "gradient_x_t_per_m": gradient,
            "core_diameter_m": (1e-9, 5.0, 80.0, is_log),
            "offset_x_m": (width_m, *self._around(scan.x_m), not is_log),
            "sample_size_m": (width_m, 0.0, 0.8, not is_log),
            "sensitivity_slope_per_m": (1 / width_m, -2.0, 2.0, not is_log),
        }
        if not scan.is_line:
            scales["gradient_y_t_per_m"] = gradient
            scales["offset_y_m"] = (width_m, *self._around(scan.y_m), not is_log)
        scales = {name: scale for name, scale in scales.items() if name not in known}
        self._names = tuple(scales)
        columns = zip(*scales.values(), strict=True)
        self._unit, lower, upper, self._is_log = (np.array(column) for column in columns)
        self.bounds = self._entries(lower), self._entries(upper)

    def __len__(self) -> int:
        """Returns the number of quantities."""
        return len(self._names)

    def values(self, vector: NDArray[np.float64]) -> dict[str, float]:
        """Returns the quantities that a vector stands for, by name."""
        values = self._unit * np.where(self._is_log, np.exp(vector), vector)
        return dict(zip(self._names, values.tolist(), strict=True)) | self._known

    def estimates(
        self, vector: NDArray[np.float64], std: NDArray[np.float64]
    ) -> dict[str, Estimate]:
        """Returns the quantities with their standard uncertainties.

        Args:
            vector: What was found.
            std: Standard uncertainty of each of its entries.
        """
        values = self.values(vector)
        slopes = np.where(self._is_log, [values[name] for name in self._names], self._unit)
        stds = dict(zip(self._names, (slopes * std).tolist(), strict=True))
        return {name: Estimate(value, stds.get(name, 0.0)) for name, value in values.items()}

    def starts(self) -> list[NDArray[np.float64]]:
        """Returns vectors to start from: the signal's centroid, and a range of PSF widths."""
        scan = self._scan
        power = (np.abs(scan.spectra[:, 2:]) ** 2).sum(axis=1)
        ratios = (1.0,) if scan.is_line else _START_RATIOS
        return [
            self.vector(
                gradient_x_t_per_m=self._gradient_t_per_m / width,
                gradient_y_t_per_m=ratio * self._gradient_t_per_m / width,
                core_diameter_m=diameter_m,
                offset_x_m=float((power * scan.x_m).sum() / power.sum()),
                offset_y_m=float((power * scan.y_m).sum() / power.sum()),
                sample_size_m=0.1 * self._width_m,
                sensitivity_slope_per_m=0.0,
            )
            for width, diameter_m, ratio in itertools.product(
                _START_WIDTHS, _START_DIAMETERS_M, ratios
            )
        ]

    def vector(self, **values: float) -> NDArray[np.float64]:
        """Returns the vector that stands for quantities, moved inside the bounds.

        Args:
            values: The quantities by name; those that are known don't count.
        """
        lower, upper = self.bounds
        entries = self._entries(np.array([values[name] for name in self._names]) / self._unit)
        return np.clip(entries, lower + 1e-6, upper - 1e-6)

    def _entries(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the vector's entries of values in their units."""
        return np.log(values, where=self._is_log, out=values.astype(np.float64))

    def _around(self, positions_m: NDArray[np.float64]) -> tuple[float, float]:
        """Returns where the FFP may be: up to half a width beyond the outermost positions."""
        lower, upper = float(positions_m.min()), float(positions_m.max())
        return lower / self._width_m - 0.5, upper / self._width_m + 0.5


def standard_uncertainties(
    jacobian: NDArray[np.float64], residuals: NDArray[np.float64], num_harmonics: int
) -> NDArray[np.float64]:
    """Returns the standard uncertainty of each entry, infinite where the data do not tell.

    Every harmonic's residuals have a variance of their own; each has lost two degrees of freedom to
    its scale and constant, and its share of the entries.

    Args:
        jacobian: Of the residuals, (harmonics·positions, entries), harmonic by harmonic.
        residuals: The residuals, (harmonics·positions,).
        num_harmonics: Number of harmonics.
    """
    num_entries = jacobian.shape[1]
    by_harmonic = residuals.reshape(num_harmonics, -1)
    freedom = by_harmonic.shape[1] - 2 - num_entries / num_harmonics
    variance = (by_harmonic**2).sum(axis=1) / freedom
    told = np.linalg.norm(jacobian, axis=0) > 1e-8 * np.linalg.norm(jacobian)
    inverse = np.linalg.pinv(jacobian[:, told])
    scatter = np.repeat(variance, by_harmonic.shape[1])
    std = np.full(num_entries, math.inf)
    std[told] = np.sqrt((inverse**2 * scatter).sum(axis=1))
    return std


def response_uncertainties(
    profiles: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    vector: NDArray[np.float64],
    bounds: tuple[NDArray[np.float64], NDArray[np.float64]],
    scale: NDArray[np.float64],
    residuals: NDArray[np.float64],
    scatter: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Returns the relative standard uncertainty of how large each harmonic's response is.

    Of a_n·mean |profile|: a scale alone says little where the particle's core, on which the profile
    depends strongly, is uncertain. From the Jacobian of all that was fitted: the vector's entries,
    the scales and the constants.

    Args:
        profiles: The model of a vector, (harmonics, positions), before the scales.
        vector: What was found.
        bounds: The bounds of its entries.
        scale: a_n, (harmonics,).
        residuals: What the fit leaves, in units of the scatter, (harmonics, positions).
        scatter: The unit of each harmonic, (harmonics, 1).
    """
    num_harmonics, num_positions = residuals.shape
    found = _of_mean_one(profiles(vector))
    size = scale * np.abs(profiles(vector)).mean(axis=1)
    columns = []
    for entry in range(len(vector)):
        step = np.zeros(len(vector))
        # Away from the nearer bound.
        is_low = vector[entry] - bounds[0][entry] < bounds[1][entry] - vector[entry]
        step[entry] = _STEP if is_low else -_STEP
        slope = (_of_mean_one(profiles(vector + step)) - found) / step[entry]
        columns.append((size[:, None] * slope / scatter).ravel())
    for values in (found / scatter, np.ones_like(found) / scatter):
        for harmonic in range(num_harmonics):
            only = np.zeros_like(values)
            only[harmonic] = values[harmonic]
            columns.append(only.ravel())
    jacobian = np.stack(columns, axis=1)
    # Each column counts alike in what is told and what is not.
    norms = np.linalg.norm(jacobian, axis=0)
    is_told = norms > 0
    inverse = np.linalg.pinv(jacobian[:, is_told] / norms[is_told]) / norms[is_told][:, None]
    freedom = max(num_positions - 2 - len(vector) / num_harmonics, 1.0)
    variance = (residuals**2).sum(axis=1) / freedom
    std = np.zeros(jacobian.shape[1])
    std[is_told] = np.sqrt((inverse**2 * np.repeat(variance, num_positions)).sum(axis=1))
    return std[len(vector) : len(vector) + num_harmonics] / np.abs(size)


def _of_mean_one(profiles: NDArray[np.float64]) -> NDArray[np.float64]:
    return profiles / np.abs(profiles).mean(axis=1, keepdims=True)
