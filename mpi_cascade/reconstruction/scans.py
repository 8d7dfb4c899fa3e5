"""Scans from a file: MDF, a data set of an HDF5 file, or npy, read batch by batch.

A file may be larger than memory, and is never trusted. A scan may have values that are NaN,
infinite or, which comes to that, beyond single precision.
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
from mpi_cascade.experiment import Experiment
from mpi_cascade.mdf import MDFFile
from mpi_cascade.mdf.from_mdf import lacks_background
from mpi_cascade.mdf.hdf5 import HDF5File
from mpi_cascade.measured.arrays import open_array
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.scanner import scanner_differences
from mpi_cascade.reconstruction.arrays import measured_array
from mpi_cascade.scans.scanner_models import ScannerModels

_BATCH = 64
_LAYOUT = "(scan, channel, y, x), or (scan, y, x) for one channel, floating point"


@dataclass(frozen=True, kw_only=True)
class ScanFile:
    """The scans of an open file.

    Attributes:
        path: Where it lies.
        num_scans: How many there are.
        is_simulation: Whether the file says that they were simulated.
        differences: What the file says of its scanner that is not as wanted, a phrase each.
        batches: Yields them in float32, called with the most scans of a batch; those of an array
            as often as it is called.
        remarks: What else there is to say of them, a sentence each.
        has_scale: Whether something says what a signal of 1 is.
        concentration: What a concentration of 1 is in ``concentration_unit``.
        concentration_unit: Unit of images; None where nothing says it.
    """

    path: Path
    num_scans: int
    is_simulation: bool
    differences: Sequence[str]
    batches: Callable[[int], Iterator[Float32[Tensor, "batch c my mx"]]]
    remarks: Sequence[str] = ()
    has_scale: bool = True
    concentration: float = 1.0
    concentration_unit: str | None = None


@contextmanager
def open_scans(
    path: Path,
    dataset: str | None,
    models: ScannerModels,
    chain: ReceiveChain | None = None,
    scale: float | None = None,
) -> Iterator[ScanFile]:
    """Opens a file of scans, by its kind: ``.npy``, else HDF5, which is MDF or has a data set.

    Args:
        path: The file.
        dataset: Name of the data set of an HDF5 file; None for MDF and npy.
        models: The models of the scanner that the signals are wanted for.
        chain: The receive chain that measured them, if they were measured.
        scale: Of an array, the value that is a signal of 1, > 0.

    Raises:
        InputError: If the file can't be used, or its scans are not of the scanner's shape.
    """
    if models.system_matrix and chain:
        raise InputError(
            "the network was trained on a measured system matrix, which has the scale of its "
            "scanner: leave out --scanner"
        )
    if path.suffix == ".npy":
        if dataset is not None:
            raise InputError(f"{path} is npy, which has no data sets: leave out --dataset")
        array = open_array(path)
        read = array.__getitem__
        yield _array_scans(path, array.shape, array.dtype, models, read, chain, scale)
    elif dataset is None:
        _require_mdf(path)
        with MDFFile(path) as mdf:
            _require_no_matrix(mdf)
            yield _mdf_scans(mdf, models, chain, scale)
    else:
        with HDF5File(path) as file:
            values = file.numbers(f"/{dataset.strip('/')}")
            kind = np.dtype(np.complex64) if values.is_complex else values.dtype
            yield _array_scans(
                path, values.shape, kind, models, lambda part: values.read((part,)), chain, scale
            )


def _require_mdf(path: Path) -> None:
    with HDF5File(path) as file:
        if file.find("/version") is None:
            raise InputError(
                f"{path} is HDF5, but no MDF: name its data set with --dataset, it holds "
                f"{', '.join(file.names()[:20]) or 'nothing'}"
            )


def _require_no_matrix(file: MDFFile) -> None:
    if file.find("/calibration") is not None:
        raise InputError(
            f"{file.path} is a system matrix (it has a group /calibration), and no scans: name a "
            "file of scans, and give fit the matrix as experiment.system_matrix.path"
        )


def read_signals(
    path: Path | str,
    experiment: Experiment,
    dataset: str | None = None,
    chain: ReceiveChain | None = None,
    scale: float | None = None,
) -> Float32[Tensor, "scans c my mx"]:
    """Returns the scans of a file as signals, (scan, channel, y, x), as ``reconstruct`` reads them.

    Args:
        path: MDF, npy, or HDF5.
        experiment: What the network was trained for, ``cascade.experiment``.
        dataset: Name of the data set of an HDF5 file that is no MDF.
        chain: The receive chain that measured them; else that of the experiment, if it has one.
        scale: Of an array, the value that is a signal of 1, > 0.

    Raises:
        InputError: If the file can't be used, or its scans are not of the scanner's shape.
    """
    chain = chain or experiment.receive_chain
    with open_scans(Path(path), dataset, experiment.models, chain, scale) as scans:
        return torch.cat(list(scans.batches(_BATCH)))


def _mdf_scans(
    file: MDFFile, models: ScannerModels, chain: ReceiveChain | None, scale: float | None
) -> ScanFile:
    if scale is not None:
        raise InputError(
            f"{file.path} is MDF, which states its unit: give --scanner in place of --scale"
        )
    # Whatever does not match is refused here, before the first batch.
    blocks = models.read_scans(file, chain)
    remarks = []
    if lacks_background(file) and not file.is_simulation:
        is_known = chain and chain.background is not None
        what = "that of the calibration was subtracted" if is_known else "it is still in the scans"
        remarks.append(f"no background was measured or subtracted: {what}")

    def batches(most: int) -> Iterator[Tensor]:
        for block in blocks:
            for batch in block.split(most) if len(block) else ():
                yield _as_signal(batch.numpy(), models.signal_shape)

    return ScanFile(
        path=file.path,
        num_scans=int((~file.measurement.is_background_frame).sum()),
        is_simulation=file.is_simulation,
        differences=[*models.differences(file), *_off(chain, models)],
        batches=batches,
        remarks=remarks,
        **_unit(chain),
    )


def _unit(chain: ReceiveChain | None) -> dict[str, Any]:
    if chain is None:
        return {}
    return {
        "concentration": chain.concentration, "concentration_unit": chain.concentration_unit
    }  # fmt: skip


def _off(chain: ReceiveChain | None, models: ScannerModels) -> list[str]:
    """Returns in what a calibrated scanner is not the one that the network was trained for."""
    return scanner_differences(chain.scanner, models.scanner) if chain else []


def _array_scans(
    path: Path,
    shape: tuple[int, ...],
    kind: np.dtype[Any],
    models: ScannerModels,
    read: Callable[[slice], NDArray[Any]],
    chain: ReceiveChain | None,
    scale: float | None,
) -> ScanFile:
    wanted, remarks = models.signal_shape, []
    if scale is not None:
        # What is scaled by hand is a signal in phase already.
        chain = None
    if chain is not None:
        num_scans, read_signal, is_in_time = measured_array(
            str(path), shape, kind, read, chain, models.scanner
        )
        if is_in_time and chain.background is not None:
            remarks.append("an array has no background: that of the calibration was subtracted")
    else:
        _require_signals(path, shape, kind, wanted)
        num_scans = shape[0]

        def read_signal(part: slice) -> NDArray[Any]:
            return read(part) if scale is None else read(part) / scale

    def batches(most: int) -> Iterator[Tensor]:
        for start in range(0, num_scans, most):
            values = read_signal(slice(start, min(start + most, num_scans)))
            yield _as_signal(values, wanted)

    return ScanFile(
        path=path,
        num_scans=num_scans,
        is_simulation=False,
        differences=_off(chain, models),
        batches=batches,
        remarks=remarks,
        has_scale=chain is not None or scale is not None or models.system_matrix is not None,
        **_unit(chain),
    )


def _require_signals(
    path: Path, shape: tuple[int, ...], kind: np.dtype[Any], wanted: tuple[int, int, int]
) -> None:
    if kind.kind != "f":
        advice = (
            "give the scanner.yaml that calibrate writes, which says their phase (--scanner)"
            if kind.kind == "c"
            else 'write them as scans.astype("float32")'
        )
        raise InputError(f"{path} holds {kind} numbers: scans are {_LAYOUT}, so {advice}")
    if shape and not shape[0]:
        raise InputError(f"{path} has the shape {list(shape)}: it holds no scans, so name another")
    is_one_channel = wanted[0] == 1 and shape[1:] == wanted[1:]
    if not shape or (shape[1:] != wanted and not is_one_channel):
        raise InputError(
            f"{path} has the shape {list(shape)}: the network was trained for scans of "
            f"{list(wanted)} (channel, y, x), so give {_LAYOUT}"
        )


def _as_signal(values: NDArray[Any], shape: tuple[int, int, int]) -> Tensor:
    with np.errstate(over="ignore"):
        signal = np.array(values, np.float32).reshape(len(values), *shape)
    return torch.from_numpy(signal)
