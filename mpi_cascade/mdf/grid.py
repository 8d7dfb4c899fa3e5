"""The voxels of an MDF file's calibration or reconstruction, in m."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.records import RecordReader, stored

# Beyond this a length is not in m, but in mm.
_LENGTH = (10.0, "m")


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """The voxels of ``/calibration`` or ``/reconstruction``, part of the table of fields.

    Attributes:
        size: Voxels along x, y, z; None if only positions are stated.
        field_of_view_m: Extent along x, y, z in m; None if not stated.
        centre_m: Centre in m, (3,).
        order: Axes from the one that changes fastest, ``xyz`` as a rule.
        is_meandering: Whether every second line and plane is walked backwards.
        stated_positions_m: Positions (O, 3) in m where the file lists them.
        delta_sample_m: Size of the sample along x, y, z in m; None if not stated.
        snr: Signal-to-noise ratio of each row of a system matrix, (J, C, K); None if not stated.
        method: How the calibration was made, ``robot``, ``simulation`` …; None if not stated.
    """

    size: tuple[int, int, int] | None = stored("size", int, "3", default=None)
    field_of_view_m: tuple[float, float, float] | None = stored(
        "fieldOfView", float, "3", limit=_LENGTH, default=None
    )
    centre_m: tuple[float, float, float] = stored(
        "fieldOfViewCenter", float, "3", limit=_LENGTH, default=(0.0, 0.0, 0.0)
    )
    order: str = stored("order", str, default="xyz")
    is_meandering: bool | None = stored("isMeanderingGrid", bool, default=None)
    stated_positions_m: NDArray[np.float64] | None = stored(
        "positions", float, "O 3", limit=_LENGTH, default=None
    )
    delta_sample_m: tuple[float, float, float] | None = stored(
        "deltaSampleSize", float, "3", limit=_LENGTH, default=None
    )
    snr: NDArray[np.float64] | None = stored("snr", float, "J C K", default=None)
    method: str | None = stored("method", str, default=None)

    @property
    def num_positions(self) -> int | None:
        """Voxels, or None if the file does not say."""
        if self.stated_positions_m is not None:
            return len(self.stated_positions_m)
        return math.prod(self.size) if self.size else None

    @property
    def positions_m(self) -> NDArray[np.float64]:
        """Positions (O, 3) in m in the order of the frames: the stated ones, or voxel centres.

        Raises:
            InputError: If the file says neither.
        """
        if self.stated_positions_m is not None:
            return self.stated_positions_m
        if self.size is None or self.field_of_view_m is None:
            raise InputError("the grid has neither positions nor size and fieldOfView: add them")
        axes = ["xyz".index(axis) for axis in self.order]
        counts = [self.size[axis] for axis in axes]
        indices = np.indices(counts[::-1]).reshape(3, -1)[::-1]
        if self.is_meandering:
            indices = _meandering(indices, counts)
        positions_m = np.empty((indices.shape[1], 3))
        for axis, count, index in zip(axes, counts, indices, strict=True):
            cells = (index + 0.5) / count - 0.5
            positions_m[:, axis] = self.centre_m[axis] + self.field_of_view_m[axis] * cells
        return positions_m


def read_grid(fields: RecordReader, group: str) -> Grid:
    """Returns the grid of ``/calibration`` or ``/reconstruction``.

    Raises:
        InputError: If its fields contradict each other, or can't be in m.
    """
    grid = fields.read(Grid, group)
    if grid.order not in {"".join(axes) for axes in itertools.permutations("xyz")}:
        raise fields.refusal(f"{group}/order", f"is {grid.order!r}: it must hold x, y and z once")
    positions_m = grid.stated_positions_m
    if positions_m is not None and grid.size and len(positions_m) != math.prod(grid.size):
        raise fields.refusal(
            f"{group}/positions",
            f"has {len(positions_m)} positions, {group}/size is {grid.size}: there must be one for "
            "each voxel",
        )
    return grid


def _meandering(indices: NDArray[np.int64], counts: list[int]) -> NDArray[np.int64]:
    first, second, third = indices
    return np.stack(
        (
            np.where((second + third) % 2, counts[0] - 1 - first, first),
            np.where(third % 2, counts[1] - 1 - second, second),
            third,
        )
    )
