"""Scans from a file: MDF, a data set of an HDF5 file, or npy, read batch by batch.

A file may be larger than memory, and is never trusted.
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

_LAYOUT = "(scan, channel, y, x), or (scan, y, x) for one channel, floating point"


@dataclass(frozen=True, kw_only=True)
class ScanFile:
    """The scans of an open file.

    Attributes:
        path: Where it lies.
        num_scans: How many there are.
        is_simulation: Whether the file says that they were simulated.
        differences: What the file says of its scanner that is not as wanted, a phrase each.
        batches: Yields them in float32, called with the most scans of a batch.
    """

    path: Path
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
    shape = models.signal_shape
    if path.suffix == ".npy":
        if dataset is not None:
            raise InputError(f"{path} is npy, which has no data sets: leave out --dataset")
        array = open_array(path)
        yield _array_scans(path, array.shape, array.dtype, shape, lambda part: array[part])
    elif dataset is None:
        _require_mdf(path)
        with MDFFile(path) as mdf:
            yield _mdf_scans(mdf, models)
    else:
        with HDF5File(path) as file:
            values = file.numbers(f"/{dataset.strip('/')}")
            kind = np.dtype(np.complex64) if values.is_complex else values.dtype
            yield _array_scans(path, values.shape, kind, shape, lambda part: values.read((part,)))


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
        path=file.path,
        num_scans=int((~file.measurement.is_background_frame).sum()),
        is_simulation=file.is_simulation,
        differences=models.differences(file),
        batches=batches,
    )


def _array_scans(
    path: Path,
    shape: tuple[int, ...],
    kind: np.dtype[Any],
    wanted: tuple[int, int, int],
    read: Callable[[slice], NDArray[Any]],
) -> ScanFile:
    if kind.kind != "f":
        raise InputError(f"{path} holds {kind} numbers: scans are {_LAYOUT}")
    is_one_channel = wanted[0] == 1 and shape[1:] == wanted[1:]
    if not shape or not shape[0] or (shape[1:] != wanted and not is_one_channel):
        raise InputError(
            f"{path} has the shape {list(shape)}: the network was trained for scans of "
            f"{list(wanted)} (channel, y, x), so give {_LAYOUT}"
        )

    def batches(most: int) -> Iterator[Tensor]:
        for start in range(0, shape[0], most):
            values = read(slice(start, min(start + most, shape[0])))
            yield _as_signal(path, values, wanted, start)

    return ScanFile(
        path=path, num_scans=shape[0], is_simulation=False, differences=(), batches=batches
    )


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
