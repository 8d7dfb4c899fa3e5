"""The order in which a calibration's frames fill the rows and columns of an image."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.data.mdf.grid import Grid

# Positions of a robot are this close to the grid's, as a share of its step.
_TOLERANCE = 0.1


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
    indices, counts, sizes_m = [], [], []
    for axis in (1, 0, 2):
        index, count, size_m = _along(positions_m[:, axis])
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


def _along(values_m: NDArray[np.float64]) -> tuple[NDArray[np.int64], int, float]:
    """Returns the index of each position along an axis, how many there are, and their extent."""
    ordered = np.unique(values_m)
    extent_m = float(ordered[-1] - ordered[0])
    if extent_m < 1e-9:
        return np.zeros(len(values_m), np.int64), 1, 0.0
    # Steps within one position are those of a robot's error.
    gaps = np.diff(ordered)
    step_m = float(np.median(gaps[gaps > _TOLERANCE * gaps.max()]))
    fractional = (values_m - ordered[0]) / step_m
    index = np.round(fractional).astype(np.int64)
    count = int(index.max()) + 1
    if np.abs(fractional - index).max() > _TOLERANCE:
        raise InputError("the calibration's positions are not evenly spaced along an axis")
    return index, count, step_m * count
