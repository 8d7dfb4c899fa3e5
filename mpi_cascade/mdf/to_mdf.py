"""Scans, system matrices and images of this package as MDF files; values unchanged, bit by bit.

A real signal has an imaginary part of 0.
"""

import importlib.metadata
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.fields import Description, Origin, Processing
from mpi_cascade.mdf.grid import Grid
from mpi_cascade.mdf.measurement import DATA
from mpi_cascade.mdf.narrowband import narrowband_acquisition
from mpi_cascade.mdf.new_file import NewFile, new_file
from mpi_cascade.physics.linear import Images, Signals
from mpi_cascade.physics.scanner import Scanner

_NO_NOTES: Mapping[str, str] = {}
_NO_PARTS: Mapping[str, Tensor] = {}


def write_scans(
    path: Path, signals: Signals, scanner: Scanner, notes: Mapping[str, str] = _NO_NOTES
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
        yield lambda signals: file.append(DATA, _spectra(signals, scanner))
        num_frames = file.num_frames(DATA)
        _write_about(file, scanner, "scans", num_frames, True, notes)
        is_background = np.zeros(num_frames, np.bool_)
        file.write_record("/measurement", _processing(scanner, is_background, is_frame_last=False))


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
    frames = columns.reshape(len(columns), *_signal_shape(scanner, matrix))
    data = np.moveaxis(_spectra(frames, scanner), 0, 3)
    is_background = np.arange(len(frames)) >= num_pixels
    with new_file(path) as file:
        _write_about(file, scanner, "system matrix", len(frames), True, notes)
        file.write(DATA, data)
        file.write_record("/measurement", _processing(scanner, is_background, is_frame_last=True))
        # The sample of a two-dimensional model is a square.
        sample_m = (delta_sample_m, delta_sample_m, 0.0) if delta_sample_m else None
        grid = _grid(scanner, image_shape)
        calibration = replace(
            grid, method="simulation", is_meandering=False, delta_sample_m=sample_m
        )
        file.write_record("/calibration", calibration)


def write_reconstruction(
    path: Path,
    images: Images,
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
) -> Iterator[Callable[..., None]]:
    """Gives what appends images, (batch, 1, y, x), to a new file, block by block.

    It may be given parts of the images by name, too: each is stored beside them, as
    ``/reconstruction/_NAME`` of the same layout.

    Args:
        path: The file; it is absent or whole.
        image_shape: Pixels (y, x) over the scanner's field of view.
        scanner: The scanner that they were reconstructed for.
        is_simulation: Whether their signals were simulated.
        notes: Provenance, stored below ``/_mpi_cascade``.

    Raises:
        InputError: If the file can't be written.
    """
    name = "/reconstruction/data"
    with new_file(path) as file:

        def append(images: Tensor, parts: Mapping[str, Tensor] = _NO_PARTS) -> None:
            own = {f"/reconstruction/_{part}": values for part, values in parts.items()}
            for place, values in {name: images, **own}.items():
                file.append(place, values.detach().cpu().flatten(1)[..., None].numpy())

        yield append
        num_frames = file.num_frames(name)
        _write_about(file, scanner, "reconstruction", num_frames, is_simulation, notes)
        file.write_record("/reconstruction", _grid(scanner, image_shape))


def _write_about(
    file: NewFile,
    scanner: Scanner,
    content: str,
    num_frames: int,
    is_simulation: bool,
    notes: Mapping[str, str],
) -> None:
    """Writes what every file says: of itself, of the scan, and where it came from."""
    nanometres = 1e9 * scanner.particle.core_diameter_m
    description = Description(
        study_description=content,
        experiment=content,
        experiment_description=content,
        tracer=(f"particles of {nanometres:g} nm",),
        drive_cycle_s=1 / scanner.drive_frequency_hz,
    )
    file.write_record("/", description)
    file.write_record("/experiment", Origin(is_simulation=is_simulation))
    file.write_record("/acquisition", narrowband_acquisition(scanner, num_frames))
    provenance = {
        "version": importlib.metadata.version("mpi-cascade"),
        "scanner": json.dumps(asdict(scanner)),
        **notes,
    }
    for name, text in provenance.items():
        file.write(f"/_mpi_cascade/{name}", text)


def _processing(
    scanner: Scanner, is_background: NDArray[np.bool_], is_frame_last: bool
) -> Processing:
    """Returns what the spectra (N, J, C, K) are, or (J, C, K, N) with ``is_frame_last``."""
    return Processing(
        is_fourier=True,
        is_frame_last=is_frame_last,
        is_selection=True,
        # The format counts from 1, and its first component is the mean.
        frequency_selection=np.array(scanner.harmonics) + 1,
        is_background_frame=is_background,
    )


def _grid(scanner: Scanner, shape: tuple[int, int]) -> Grid:
    """Returns an image grid (y, x) over the field of view, pixels along x first."""
    size_y_m, size_x_m = scanner.field_of_view_m
    # A slice needs some thickness: that of a pixel.
    return Grid(
        size=(shape[1], shape[0], 1), field_of_view_m=(size_x_m, size_y_m, size_x_m / shape[1])
    )


def _signal_shape(scanner: Scanner, matrix: Tensor) -> tuple[int, int, int]:
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
