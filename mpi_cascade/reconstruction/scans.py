"""Scans from a file: MDF, a data set of an HDF5 file, or npy, read batch by batch.

A file may be larger than memory, and is never trusted. Must not know of networks.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.mdf import MDFFile
from mpi_cascade.mdf.hdf5 import HDF5File
from mpi_cascade.measured.arrays import open_array
from mpi_cascade.scans.scanner_models import ScannerModels

LAYOUT = "(scan, channel, y, x), or (scan, y, x) for one channel, floating point"
"""Layout of the arrays that are read from npy files and HDF5 data sets."""


@dataclass(frozen=True, kw_only=True)
class ScanFile:
    """The scans of an open file.

    Attributes:
        num_scans: How many there are.
        is_simulation: Whether the file says that they were simulated.
        differences: What the file says of its scanner that is not as wanted, a phrase each.
        batches: Yields them in float32, called with the most scans of a batch.
    """

    num_scans: int
    is_simulation: bool
    differences: Sequence[str]
    batches: Callable[[int], Iterator[Float32[Tensor, "batch c my mx"]]]


@contextmanager
def open_scans(path: Path, dataset: str | None, models: ScannerModels) -> Iterator[ScanFile]:
    """Opens a file of scans, by its kind: ``.npy``, else HDF5, which is MDF or has a data set.

    Args:
        path: The file.
        dataset: Name of the data set of an HDF5 file; None for MDF and npy.
        models: The models of the scanner that the signals are wanted for.

    Raises:
        InputError: If the file can't be used, or its scans are not of the scanner's shape.
    """
    if path.suffix == ".npy":
        yield _npy_scans(path, dataset, models)
        return
    if dataset is None:
        _require_mdf(path)
        with MDFFile(path) as mdf:
            yield _mdf_scans(mdf, models)
        return
    with HDF5File(path) as hdf5:
        yield _hdf5_scans(hdf5, dataset, models)


def _require_mdf(path: Path) -> None:
    with HDF5File(path) as file:
        if file.find("/version") is None:
            raise InputError(
                f"{path} is HDF5, but no MDF: name its data set with --dataset, it holds "
                f"{', '.join(file.names()[:20]) or 'nothing'}"
            )


def _mdf_scans(file: MDFFile, models: ScannerModels) -> ScanFile:
    # Whatever does not match is refused here, before the first batch.
    blocks = models.read_scans(file)

    def batches(most: int) -> Iterator[Tensor]:
        start = 0
        for block in blocks:
            for batch in block.split(most) if len(block) else ():
                yield _as_signal(file.path, batch.numpy(), models.signal_shape, start)
                start += len(batch)

    return ScanFile(
        num_scans=int((~file.measurement.is_background_frame).sum()),
        is_simulation=file.is_simulation,
        differences=models.differences(file),
        batches=batches,
    )


def _hdf5_scans(file: HDF5File, name: str, models: ScannerModels) -> ScanFile:
    values = file.numbers(f"/{name.strip('/')}")
    if values.is_complex or values.dtype.kind != "f":
        raise InputError(
            f"{file.path}: {name} is {'complex' if values.is_complex else values.dtype}: scans are "
            f"{LAYOUT}"
        )
    return _array_scans(
        file.path, values.shape, models.signal_shape, lambda part: values.read((part,))
    )


def _npy_scans(path: Path, dataset: str | None, models: ScannerModels) -> ScanFile:
    if dataset is not None:
        raise InputError(f"{path} is npy, which has no data sets: leave out --dataset")
    array = open_array(path)
    if array.dtype.kind != "f":
        raise InputError(f"{path} is {array.dtype}: scans are {LAYOUT}")
    return _array_scans(path, array.shape, models.signal_shape, lambda part: array[part])


def _array_scans(
    path: Path,
    shape: tuple[int, ...],
    wanted: tuple[int, int, int],
    read: Callable[[slice], NDArray[Any]],
) -> ScanFile:
    is_one_channel = wanted[0] == 1 and shape[1:] == wanted[1:]
    is_empty = not shape or not shape[0]
    if is_empty or (shape[1:] != wanted and not is_one_channel):
        raise InputError(
            f"{path} has the shape {list(shape)}: the network was trained for scans of "
            f"{list(wanted)} (channel, y, x), so give {LAYOUT}"
        )

    def batches(most: int) -> Iterator[Tensor]:
        for start in range(0, shape[0], most):
            values = read(slice(start, min(start + most, shape[0])))
            yield _as_signal(path, values, wanted, start)

    return ScanFile(num_scans=shape[0], is_simulation=False, differences=(), batches=batches)


def _as_signal(path: Path, values: NDArray[Any], shape: tuple[int, int, int], start: int) -> Tensor:
    """Returns scans in float32; ``start`` is the number of the first."""
    with np.errstate(over="ignore"):
        signal = np.array(values, np.float32).reshape(len(values), *shape)
    is_finite = np.isfinite(signal).all(axis=(1, 2, 3))
    if not is_finite.all():
        raise InputError(
            f"{path}: scan {start + int(is_finite.argmin())} has values that are NaN, infinite or "
            "beyond single precision: leave it out"
        )
    return torch.from_numpy(signal)
