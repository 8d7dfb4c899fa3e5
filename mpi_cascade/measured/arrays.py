"""A system matrix from an array file, which says nothing but its values."""

from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.hdf5 import require_file
from mpi_cascade.physics.scanner import Scanner


def open_array(path: Path) -> NDArray[Any]:
    """Returns an array of a ``.npy`` file as a map of it: pickles are never run.

    Args:
        path: The file.

    Raises:
        InputError: If it is no such file, or was cut off.
    """
    require_file(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    # A damaged header is parsed as Python, and fails as that.
    except (
        OSError,
        ValueError,
        EOFError,
        SyntaxError,
        TokenError,
        MemoryError,
        OverflowError,
    ) as e:
        raise InputError(
            f"{path} is no npy file of numbers, or was cut off: write it with numpy.save"
        ) from e
    if not isinstance(array, np.ndarray):
        array.close()
        raise InputError(f"{path} is an archive: write one array with numpy.save")
    return array


def read_array(
    path: Path, scanner: Scanner
) -> tuple[Float[Tensor, "measurements positions"], tuple[int, int]]:
    """Returns a system matrix from an array, and its calibration positions (y, x).

    Args:
        path: The ``.npy`` file, (channel, y, x, calibration y, calibration x), real or complex.
        scanner: Its scanner.

    Raises:
        InputError: If it is no such array, or not of this scanner.
    """
    values = open_array(path)
    if values.ndim != 5 or values.dtype.kind not in "fc" or 0 in values.shape:
        raise InputError(
            f"{path} has the shape {list(values.shape)} of {values.dtype}: a system matrix is "
            "(channel, y, x, calibration y, calibration x), real or complex"
        )
    _, *ffp_shape, num_y, num_x = values.shape
    is_complex = values.dtype.kind == "c"
    if tuple(ffp_shape) != scanner.ffp_shape or is_complex != scanner.is_complex:
        raise InputError(
            f"{path} has {'complex' if is_complex else 'real'} signals of {ffp_shape} FFP "
            f"positions, experiment.scanner {'complex' if scanner.is_complex else 'real'} ones of "
            f"{list(scanner.ffp_shape)}: they must agree (a relaxation_time_s above 0 says complex)"
        )
    values = np.asarray(values)
    if not np.isfinite(values).all() or not values.any():
        raise InputError(f"{path} has NaN or infinite values, or is zero throughout")
    parts = np.stack((values.real, values.imag), axis=1) if is_complex else values
    flat = np.array(parts, np.float32, order="C").reshape(-1, num_y * num_x)
    return torch.from_numpy(flat), (num_y, num_x)
