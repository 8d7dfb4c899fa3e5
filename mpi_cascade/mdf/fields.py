"""Single fields of an MDF file: numbers, flags and arrays of a stated shape.

Must not know what the fields mean.
"""

import math

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.hdf5 import HDF5File


def first_name(file: HDF5File, *names: str) -> str | None:
    """Returns the first of several names that the file has."""
    return next((name for name in names if file.find(name) is not None), None)


def number(file: HDF5File, name: str, lower: float = -math.inf) -> float:
    """Returns a single number ≥ ``lower``."""
    values = np.ravel(file.array(name))
    if len(values) != 1 or np.iscomplexobj(values) or not values[0] >= lower:
        raise InputError(
            f"{file.path}: {name} is {values[:4].tolist()}: it must be one number ≥ {lower}"
        )
    return float(values[0])


def integer(file: HDF5File, name: str) -> int:
    """Returns a single integer ≥ 1."""
    value = number(file, name, lower=1)
    if value != round(value):
        raise InputError(f"{file.path}: {name} is {value}: it must be an integer")
    return int(value)


def flag(file: HDF5File, name: str) -> bool:
    """Returns a single flag, 0 or 1."""
    value = number(file, name)
    if value not in (0, 1):
        raise InputError(f"{file.path}: {name} is {value}: it must be 0 or 1")
    return value == 1


def real(file: HDF5File, name: str) -> NDArray[np.float64]:
    """Returns real numbers of any shape."""
    values = file.array(name)
    if np.iscomplexobj(values):
        raise InputError(f"{file.path}: {name} is complex: it must be real")
    return values.astype(np.float64)


def shaped(file: HDF5File, name: str, num_axes: int) -> NDArray[np.float64]:
    """Returns real numbers with so many axes; files may leave out axes of length 1."""
    values = real(file, name)
    if values.ndim > num_axes:
        raise InputError(
            f"{file.path}: {name} has the shape {values.shape}: it has {num_axes} axes"
        )
    return values.reshape((1,) * (num_axes - values.ndim) + values.shape)


def require_below(
    file: HDF5File, name: str, values: NDArray[np.float64], bound: float, unit: str
) -> None:
    """Raises an InputError if values are too large to be in the format's unit."""
    largest = float(np.abs(values).max())
    if largest > bound:
        raise InputError(
            f"{file.path}: {name} reaches {largest:g}: the format's unit is {unit}, so convert it"
        )
