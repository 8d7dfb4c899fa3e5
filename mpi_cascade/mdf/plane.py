"""The order in which a calibration's frames fill the rows and columns of an image."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.grid import Grid

_TOLERANCE = 0.1
"""Positions of a robot are this close to the grid's, as a share of its step."""

FLAT_SHARE = 5e-3
"""An axis along which positions extend by no more than this share of the longest one is none."""


class Plane(NamedTuple):
    """The positions of a calibration in one plane.

    Attributes:
        shape: Positions (y, x).
        size_m: Extent (y, x) in m; 0 along an axis of a single position.
        order: Frame of each position, row-major, (y·x,).
    """

    shape: tuple[int, int]
    size_m: tuple[float, float]
    order: NDArray[np.int64]


def find_plane(grid: Grid) -> Plane:
    """Returns where the frames of a calibration lie.

    Args:
        grid: Its grid.

    Raises:
        InputError: If its positions do not fill a rectangle in one plane, evenly.
    """
    positions_m = grid.positions_m
    least_m = FLAT_SHARE * float(np.ptp(positions_m, axis=0).max())
    indices, counts, sizes_m = [], [], []
    for axis in (1, 0, 2):
        places_m = snapped(positions_m[:, axis], least_m)
        index, count, size_m = _along(places_m)
        indices.append(index)
        counts.append(count)
        sizes_m.append(size_m)
    flat = indices[0] * counts[1] + indices[1]
    order = np.argsort(flat)
    if counts[2] > 1 or not np.array_equal(flat[order], np.arange(counts[0] * counts[1])):
        raise InputError(
            f"the calibration has {len(positions_m)} positions that do not fill one rectangle "
            f"evenly ({counts[1]} along x, {counts[0]} along y, {counts[2]} along z): choose the "
            "positions of one plane"
        )
    return Plane((counts[0], counts[1]), (sizes_m[0], sizes_m[1]), order)


def snapped(values_m: NDArray[np.float64], least_m: float) -> NDArray[np.float64]:
    """Returns positions along an axis without the error of a robot.

    Values that lie close together, by a tenth of the largest gap, become their mean.

    Args:
        values_m: Positions in m.
        least_m: Extent up to which all are one position, in m.
    """
    order = np.argsort(values_m)
    gaps = np.diff(values_m[order])
    if not len(gaps) or np.ptp(values_m) <= least_m:
        return np.full_like(values_m, values_m.mean())
    groups = np.split(order, np.flatnonzero(gaps > _TOLERANCE * gaps.max()) + 1)
    result = np.empty_like(values_m)
    for group in groups:
        result[group] = values_m[group].mean()
    return result


def _along(values_m: NDArray[np.float64]) -> tuple[NDArray[np.int64], int, float]:
    """Returns the index of each position along an axis, how many there are, and their extent."""
    places_m, index = np.unique(values_m, return_inverse=True)
    count = len(places_m)
    if count == 1:
        return index, 1, 0.0
    step_m = float(places_m[-1] - places_m[0]) / (count - 1)
    expected_m = places_m[0] + step_m * np.arange(count)
    if np.abs(places_m - expected_m).max() > _TOLERANCE * step_m:
        raise InputError("the calibration's positions are not evenly spaced along an axis")
    return index, count, step_m * count
