"""The quantities that a calibration searches for: their scales, bounds, starts and uncertainties.

Lengths are searched in units of the scan's width, gradients and the diameter by their logarithm.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.calibration.scan import DeltaSampleScan
from mpi_cascade.checks import InputError

_START_DIAMETERS_M = (15e-9, 20e-9, 25e-9, 30e-9)
_START_WIDTHS = tuple(np.geomspace(0.03, 2.0, 7))
_START_RATIOS = (1.0, 2.0)


class Estimate(NamedTuple):
    """A fitted quantity.

    Attributes:
        value: Its value, in the unit that its name says.
        std: Its standard uncertainty from the scatter of the residuals; infinite where the data do
            not tell.
    """

    value: float
    std: float


class _Quantity(NamedTuple):
    name: str
    unit: float
    lower: float
    upper: float
    is_log: bool = False


class Search:
    """The vector that least squares changes, and the quantities that it stands for.

    Args:
        scan: The scan, whose width, centre and drive field set the scales.

    Raises:
        InputError: If all positions have one x.
    """

    def __init__(self, scan: DeltaSampleScan) -> None:
        self._scan = scan
        self._width_m = width_m = float(np.ptp(scan.x_m))
        if not width_m > 0:
            raise InputError(
                "the scan has one position along x, the drive direction: measure several"
            )
        # The gradient at which the drive field moves the FFP over the whole width.
        self._gradient_t_per_m = gradient = 2 * scan.drive_amplitude_t / width_m
        self._quantities = [
            _Quantity("gradient_x_t_per_m", gradient, 0.05, 500.0, is_log=True),
            _Quantity("core_diameter_m", 1e-9, 5.0, 80.0, is_log=True),
            _Quantity("offset_x_m", width_m, *self._offsets(scan.x_m)),
            _Quantity("sample_size_m", width_m, 0.0, 0.8),
            _Quantity("sensitivity_slope_per_m", 1 / width_m, -2.0, 2.0),
        ]
        if not scan.is_line:
            self._quantities += [
                _Quantity("gradient_y_t_per_m", gradient, 0.05, 500.0, is_log=True),
                _Quantity("offset_y_m", width_m, *self._offsets(scan.y_m)),
            ]

    def __len__(self) -> int:
        """Returns the number of quantities."""
        return len(self._quantities)

    def values(self, vector: NDArray[np.float64]) -> dict[str, float]:
        """Returns the quantities that a vector stands for, by name."""
        return {
            quantity.name: quantity.unit * (math.exp(entry) if quantity.is_log else float(entry))
            for quantity, entry in zip(self._quantities, vector, strict=True)
        }

    def estimates(
        self, vector: NDArray[np.float64], std: NDArray[np.float64]
    ) -> dict[str, Estimate]:
        """Returns the quantities with their standard uncertainties.

        Args:
            vector: What was found.
            std: Standard uncertainty of each of its entries.
        """
        values = self.values(vector)
        return {
            quantity.name: Estimate(
                values[quantity.name],
                float(entry) * (values[quantity.name] if quantity.is_log else quantity.unit),
            )
            for quantity, entry in zip(self._quantities, std, strict=True)
        }

    def bounds(self) -> tuple[list[float], list[float]]:
        """Returns the lower and the upper bound of every entry."""
        sides = [
            [math.log(bound) if q.is_log else bound for bound in (q.lower, q.upper)]
            for q in self._quantities
        ]
        return [lower for lower, _ in sides], [upper for _, upper in sides]

    def starts(self) -> list[NDArray[np.float64]]:
        """Returns vectors to start from: the signal's centroid, and a range of PSF widths."""
        power = (np.abs(self._scan.spectra[:, 2:]) ** 2).sum(axis=1)
        centre = {
            name: float((power * positions_m).sum() / power.sum())
            for name, positions_m in (
                ("offset_x_m", self._scan.x_m),
                ("offset_y_m", self._scan.y_m),
            )
        }
        ratios = (1.0,) if self._scan.is_line else _START_RATIOS
        return [
            self._vector(
                {
                    **centre,
                    "gradient_x_t_per_m": self._gradient_t_per_m / width,
                    "gradient_y_t_per_m": ratio * self._gradient_t_per_m / width,
                    "core_diameter_m": diameter_m,
                    "sample_size_m": 0.1 * self._width_m,
                    "sensitivity_slope_per_m": 0.0,
                }
            )
            for width, diameter_m, ratio in itertools.product(
                _START_WIDTHS, _START_DIAMETERS_M, ratios
            )
        ]

    def _vector(self, values: dict[str, float]) -> NDArray[np.float64]:
        lower, upper = self.bounds()
        entries = [values[q.name] / q.unit for q in self._quantities]
        entries = [
            math.log(entry) if q.is_log else entry
            for q, entry in zip(self._quantities, entries, strict=True)
        ]
        return np.clip(entries, np.array(lower) + 1e-6, np.array(upper) - 1e-6)

    def _offsets(self, positions_m: NDArray[np.float64]) -> tuple[float, float]:
        """Returns the bounds of the FFP: half a width beyond the outermost positions."""
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
    columns = jacobian[:, told]
    inverse = np.linalg.pinv(columns)
    scatter = np.repeat(variance, by_harmonic.shape[1])
    std = np.full(num_entries, math.inf)
    std[told] = np.sqrt((inverse**2 * scatter).sum(axis=1))
    return std
