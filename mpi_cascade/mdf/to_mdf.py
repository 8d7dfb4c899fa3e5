"""Scans, system matrices and images of this package as MDF files.

Every FFP position is a period with an offset field of its own, every received harmonic a selected
frequency: J × C × K with J = FFP positions, C = 1, K = harmonics. A real signal has an imaginary
part of 0. Values go through unchanged, bit by bit.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.growing import GrowingDataset
from mpi_cascade.mdf.writing import (
    new_file,
    require_room,
    write_acquisition,
    write_description,
    write_grid,
    write_measurement,
)
from mpi_cascade.physics.scanner import Scanner

_NO_NOTES: Mapping[str, str] = {}


def write_scans(
    path: Path,
    signals: Float[Tensor, "batch c my mx"],
    scanner: Scanner,
    notes: Mapping[str, str] = _NO_NOTES,
) -> None:
    """Writes simulated scans as MDF v2.1, one frame each.

    Args:
        path: The file; it is absent or whole.
        signals: Signals, (batch, channel, y, x) on the FFP grid, in units of ∫ |PSF| dr.
        scanner: The scanner that made them.
        notes: Provenance, stored below ``/_mpi_cascade``.

    Raises:
        InputError: If the signals are not of the scanner's shape, or the file can't be written.
    """
    with new_scans(path, scanner, notes) as append:
        append(signals)


@contextmanager
def new_scans(
    path: Path, scanner: Scanner, notes: Mapping[str, str] = _NO_NOTES
) -> Iterator[Callable[[Tensor], None]]:
    """Gives what appends simulated scans, (batch, channel, y, x), to a new file, block by block.

    Args:
        path: The file; it is absent or whole.
        scanner: The scanner that made them.
        notes: Provenance, stored below ``/_mpi_cascade``.

    Raises:
        InputError: If signals are not of the scanner's shape, or the file can't be written.
    """
    with new_file(path) as file:
        data = GrowingDataset(file, "measurement/data")
        yield lambda signals: data.append(_spectra(signals, scanner))
        write_description(file, scanner, "scans", True, notes)
        write_acquisition(file, scanner, data.num_frames)
        write_measurement(file, data.num_frames, scanner, is_frame_last=False)


def write_system_matrix(
    path: Path,
    matrix: Float[Tensor, "measurements pixels"],
    scanner: Scanner,
    image_shape: tuple[int, int],
    delta_sample_m: float = 0.0,
    background: Float[Tensor, "frames measurements"] | None = None,
    notes: Mapping[str, str] = _NO_NOTES,
) -> None:
    """Writes a simulated system matrix as MDF v2.1, one frame for each pixel, frames last.

    Args:
        path: The file; it is absent or whole.
        matrix: S, (channel·FFP, pixel), as ``ForwardModel.matrix`` returns it.
        scanner: The scanner.
        image_shape: Pixels (y, x) over the scanner's field of view.
        delta_sample_m: Edge of the sample that it was measured with, in m; 0 is a point.
        background: Signals without a sample, (frame, channel·FFP), measured after all others.
        notes: Provenance, stored below ``/_mpi_cascade``.

    Raises:
        InputError: If the matrix is not of the scanner's and the image's shape, or the file can't
            be written.
    """
    num_pixels = image_shape[0] * image_shape[1]
    if matrix.shape[1] != num_pixels:
        raise InputError(
            f"the system matrix has {matrix.shape[1]} columns, an image of {list(image_shape)} "
            f"{num_pixels} pixels: they must agree"
        )
    columns = matrix.T if background is None else torch.cat((matrix.T, background))
    frames = columns.reshape(len(columns), *_shape(scanner, matrix))
    data = np.moveaxis(_spectra(frames, scanner), 0, 3)
    with new_file(path) as file:
        write_description(file, scanner, "system matrix", True, notes)
        write_acquisition(file, scanner, len(frames))
        require_room(file, data.nbytes)
        file["measurement/data"] = data
        write_measurement(file, len(frames), scanner, is_frame_last=True)
        file["measurement/isBackgroundFrame"][num_pixels:] = 1
        write_grid(file, "calibration", image_shape, scanner.field_of_view_m)
        file["calibration/method"] = "simulation"
        file["calibration/isMeanderingGrid"] = np.int8(0)
        if delta_sample_m:
            # The sample of a two-dimensional model is a square.
            file["calibration/deltaSampleSize"] = [delta_sample_m, delta_sample_m, 0.0]


def write_reconstruction(
    path: Path,
    images: Float[Tensor, "batch 1 ny nx"],
    scanner: Scanner,
    is_simulation: bool,
    notes: Mapping[str, str] = _NO_NOTES,
) -> None:
    """Writes reconstructed images as MDF v2.1.

    Args:
        path: The file; it is absent or whole.
        images: Images, (batch, 1, y, x) over the scanner's field of view.
        scanner: The scanner that they were reconstructed for.
        is_simulation: Whether their signals were simulated.
        notes: Provenance, stored below ``/_mpi_cascade``.

    Raises:
        InputError: If the file can't be written.
    """
    shape = (images.shape[2], images.shape[3])
    with new_reconstruction(path, shape, scanner, is_simulation, notes) as append:
        append(images)


@contextmanager
def new_reconstruction(
    path: Path,
    image_shape: tuple[int, int],
    scanner: Scanner,
    is_simulation: bool,
    notes: Mapping[str, str] = _NO_NOTES,
) -> Iterator[Callable[[Tensor], None]]:
    """Gives what appends images, (batch, 1, y, x), to a new file, block by block.

    Args:
        path: The file; it is absent or whole.
        image_shape: Pixels (y, x) over the scanner's field of view.
        scanner: The scanner that they were reconstructed for.
        is_simulation: Whether their signals were simulated.
        notes: Provenance, stored below ``/_mpi_cascade``.

    Raises:
        InputError: If the file can't be written.
    """
    with new_file(path) as file:
        data = GrowingDataset(file, "reconstruction/data")
        yield lambda images: data.append(images.detach().cpu().flatten(1)[..., None].numpy())
        write_description(file, scanner, "reconstruction", is_simulation, notes)
        write_acquisition(file, scanner, data.num_frames)
        write_grid(file, "reconstruction", image_shape, scanner.field_of_view_m)


def _shape(scanner: Scanner, matrix: Tensor) -> tuple[int, int, int]:
    num_rows = scanner.num_channels * scanner.num_ffp_x * scanner.num_ffp_y
    if len(matrix) != num_rows:
        raise InputError(
            f"the system matrix has {len(matrix)} rows, the scanner {num_rows} measurements: they "
            "must agree"
        )
    return scanner.signal_shape


def _spectra(signals: Tensor, scanner: Scanner) -> NDArray[Any]:
    """Returns signals (N, channel, y, x) as spectra (N, J, 1, K)."""
    if signals.shape[1:] != scanner.signal_shape:
        raise InputError(
            f"the signals have the shape {list(signals.shape[1:])}, those of the scanner are "
            f"{list(scanner.signal_shape)}: write them with the scanner that made them"
        )
    num_harmonics, num_ffp = len(scanner.harmonics), scanner.num_ffp_y * scanner.num_ffp_x
    parts = signals.detach().cpu().numpy().reshape(len(signals), num_harmonics, -1, num_ffp)
    precision = np.result_type(parts, np.complex64)
    values = np.zeros((len(signals), num_ffp, 1, num_harmonics), precision)
    values.real[:, :, 0] = parts[:, :, 0].swapaxes(1, 2)
    if scanner.is_complex:
        values.imag[:, :, 0] = parts[:, :, 1].swapaxes(1, 2)
    return values
