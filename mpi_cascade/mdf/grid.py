"""The voxels of an MDF file's calibration or reconstruction, in m. Must not read signals."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.fields import flag, real, require_below, shaped
from mpi_cascade.mdf.hdf5 import HDF5File

# Beyond this a length is not in m, but in mm.
_LARGEST_LENGTH_M = 10.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """The voxels of a calibration or a reconstruction.

    Attributes:
        size: Voxels along x, y, z; None if only positions are stated.
        field_of_view_m: Extent along x, y, z in m; None if not stated.
        centre_m: Centre in m, (3,).
        order: Axes from the one that changes fastest, ``xyz`` as a rule.
        is_meandering: Whether every second line and plane is walked backwards.
        stated_positions_m: Positions (O, 3) in m where the file lists them.
        delta_sample_m: Size of the sample along x, y, z in m; None if not stated.
        snr: Signal-to-noise ratio of each row of a system matrix, (J, C, K); None if not stated.
        method: How the calibration was made, ``robot``, ``simulation`` …; empty if not stated.
    """

    size: tuple[int, int, int] | None
    field_of_view_m: tuple[float, float, float] | None
    centre_m: tuple[float, float, float]
    order: str
    is_meandering: bool
    stated_positions_m: NDArray[np.float64] | None
    delta_sample_m: tuple[float, float, float] | None
    snr: NDArray[np.float64] | None
    method: str

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


def read_grid(file: HDF5File, group: str) -> Grid:
    """Returns the grid of ``/calibration`` or ``/reconstruction``.

    Raises:
        InputError: If its fields contradict each other, or can't be in m.
    """
    size = _triple(file, f"{group}/size")
    if size and not all(value >= 1 and value == round(value) for value in size):
        raise InputError(f"{file.path}: {group}/size is {size}: it must be three positive integers")
    order = file.text(f"{group}/order")[0] if file.find(f"{group}/order") else "xyz"
    if order not in {"".join(axes) for axes in itertools.permutations("xyz")}:
        raise InputError(f"{file.path}: {group}/order is {order!r}: it must hold x, y and z once")
    positions = None
    if file.find(f"{group}/positions") is not None:
        positions = shaped(file, f"{group}/positions", 2)
        require_below(file, f"{group}/positions", positions, _LARGEST_LENGTH_M, "m")
        if positions.shape[1] != 3 or (size and len(positions) != math.prod(map(int, size))):
            raise InputError(
                f"{file.path}: {group}/positions has the shape {positions.shape}, {group}/size is "
                f"{size}: there must be one triple of coordinates for each voxel"
            )
    has_method = file.find(f"{group}/method") is not None
    meander = f"{group}/isMeanderingGrid"
    return Grid(
        size=(int(size[0]), int(size[1]), int(size[2])) if size else None,
        field_of_view_m=_lengths(file, f"{group}/fieldOfView"),
        centre_m=_lengths(file, f"{group}/fieldOfViewCenter") or (0.0, 0.0, 0.0),
        order=order,
        is_meandering=flag(file, meander) if file.find(meander) else False,
        stated_positions_m=positions,
        delta_sample_m=_lengths(file, f"{group}/deltaSampleSize"),
        snr=shaped(file, f"{group}/snr", 3) if file.find(f"{group}/snr") is not None else None,
        method=file.text(f"{group}/method")[0] if has_method else "",
    )


def _meandering(indices: NDArray[np.int64], counts: list[int]) -> NDArray[np.int64]:
    first, second, third = indices
    return np.stack(
        (
            np.where((second + third) % 2, counts[0] - 1 - first, first),
            np.where(third % 2, counts[1] - 1 - second, second),
            third,
        )
    )


def _triple(file: HDF5File, name: str) -> tuple[Any, ...] | None:
    if file.find(name) is None:
        return None
    values = np.ravel(real(file, name))
    if len(values) != 3:
        raise InputError(f"{file.path}: {name} has {len(values)} values: it must have x, y and z")
    return tuple(values.tolist())


def _lengths(file: HDF5File, name: str) -> tuple[float, float, float] | None:
    values = _triple(file, name)
    if values is None:
        return None
    require_below(file, name, np.array(values), _LARGEST_LENGTH_M, "m")
    return values[0], values[1], values[2]
