"""The fields that every MDF file of version 2.1 must have, and a file that is absent or whole.

Must not know what the signals are.
"""

import errno
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py
import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.physics.scanner import Scanner, cell_centres

SIGNAL_UNIT = "a.u."
"""Unit of simulated signals, which are relative to ∫ |PSF| dr."""

_UNKNOWN = "n.a."

_MARGIN_BYTES = 2**22
"""What a file may take beyond its data: HDF5's own tables, and what it holds back until the end."""


@contextmanager
def new_file(path: Path) -> Iterator[h5py.File]:
    """Opens a file for writing that takes its name only when it is whole.

    Args:
        path: The file; one that exists is replaced.

    Raises:
        InputError: If it can't be written.
    """
    partial = path.with_name(f".{path.name}.{uuid4().hex}.partial")
    try:
        file = h5py.File(partial, "x")
        try:
            yield file
        finally:
            _close(file)
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno) if error.errno else str(error)
        raise InputError(f"{path} can't be written ({reason}): choose another place") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def require_room(file: h5py.File, num_bytes: int) -> None:
    """Raises an OSError unless the disk has room for further data.

    HDF5 may crash the process when it finds out by itself.

    Args:
        file: The new file.
        num_bytes: Size of what is to be written next.
    """
    free = shutil.disk_usage(Path(file.filename).parent).free
    if free < num_bytes + _MARGIN_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _close(file: h5py.File) -> None:
    """Closes a file; what HDF5 can't write even then is an OSError."""
    try:
        file.close()
    except RuntimeError as error:
        raise OSError(str(error)) from error


def write_description(
    file: h5py.File, scanner: Scanner, name: str, is_simulation: bool, notes: Mapping[str, str]
) -> None:
    """Writes the root, study, experiment, tracer and scanner, and where it all came from.

    Args:
        file: The new file.
        scanner: The scanner; it is stored whole as JSON in ``/_mpi_cascade/scanner``.
        name: What the file holds, in a few words.
        is_simulation: Whether its signals were simulated.
        notes: Further text by name, for ``/_mpi_cascade``.
    """
    nanometres = 1e9 * scanner.particle.core_diameter_m
    _write(file, "/", {"version": "2.1.0", "uuid": str(uuid4()), "time": _now()})
    study = {"name": "mpi_cascade", "number": 0, "description": name, "uuid": str(uuid4())}
    _write(file, "study", study)
    experiment = {
        **study, "name": name, "uuid": str(uuid4()), "subject": "phantom",
        "isSimulation": np.int8(is_simulation),
    }  # fmt: skip
    _write(file, "experiment", experiment)
    tracer = {
        "name": [f"particles of {nanometres:g} nm"], "batch": [_UNKNOWN], "vendor": [_UNKNOWN],
        "solute": ["Fe"], "volume": [0.0], "concentration": [0.0],
    }  # fmt: skip
    _write(file, "tracer", tracer)
    unknown = dict.fromkeys(("facility", "manufacturer", "name", "operator"), _UNKNOWN)
    _write(file, "scanner", {**unknown, "topology": "FFP"})
    provenance = {
        "version": importlib.metadata.version("mpi-cascade"),
        "scanner": json.dumps(asdict(scanner)),
    }
    _write(file, "_mpi_cascade", {**provenance, **notes})


def write_acquisition(file: h5py.File, scanner: Scanner, num_frames: int) -> None:
    """Writes how a narrowband FFP scanner scans: one period for each FFP position.

    Args:
        file: The new file.
        scanner: The scanner.
        num_frames: Frames of the measurement.
    """
    offset_t, gradient_t_per_m = ffp_fields(scanner)
    num_periods = len(offset_t)
    acquisition = {
        "gradient": gradient_t_per_m, "offsetField": offset_t, "numAverages": 1,
        "numFrames": num_frames, "numPeriodsPerFrame": num_periods, "startTime": _now(),
    }  # fmt: skip
    _write(file, "acquisition", acquisition)
    # The drive field is a cosine, the format's waveform a sine.
    num_samples = sampling_points(scanner)
    drive = {
        "baseFrequency": scanner.drive_frequency_hz * num_samples,
        "cycle": 1 / scanner.drive_frequency_hz,
        "divider": np.full((1, 1), num_samples),
        "numChannels": 1,
        "phase": np.full((num_periods, 1, 1), np.pi / 2),
        "strength": np.full((num_periods, 1, 1), scanner.drive_amplitude_t),
        "waveform": [["sine"]],
    }
    _write(file, "acquisition/drivefield", drive)
    receiver = {
        "bandwidth": scanner.drive_frequency_hz * num_samples / 2,
        "numChannels": 1,
        "numSamplingPoints": num_samples,
        "unit": SIGNAL_UNIT,
    }
    _write(file, "acquisition/receiver", receiver)


def write_measurement(
    file: h5py.File, num_frames: int, scanner: Scanner, is_frame_last: bool
) -> None:
    """Writes the processing steps of spectra, and which harmonics they are.

    The spectra themselves are ``/measurement/data``, (N, J, C, K), or (J, C, K, N) with
    ``is_frame_last``.

    Args:
        file: The new file.
        num_frames: Frames N of the spectra.
        scanner: The scanner.
        is_frame_last: Whether the frame is the last axis.
    """
    flags = dict.fromkeys(
        (
            "isBackgroundCorrected", "isFramePermutation", "isSparsityTransformed",
            "isSpectralLeakageCorrected", "isTransferFunctionCorrected",
        ),
        np.int8(0),
    )  # fmt: skip
    measurement = {
        **flags,
        "isFourierTransformed": np.int8(1),
        "isFastFrameAxis": np.int8(is_frame_last),
        "isFrequencySelection": np.int8(1),
        # The format counts from 1, and its first component is the mean.
        "frequencySelection": [harmonic + 1 for harmonic in scanner.harmonics],
        "isBackgroundFrame": np.zeros(num_frames, np.int8),
    }
    _write(file, "measurement", measurement)


def write_grid(
    file: h5py.File, group: str, shape: tuple[int, int], size_m: tuple[float, float]
) -> None:
    """Writes an image grid, centred at 0, pixels along x first.

    Args:
        file: The new file.
        group: ``calibration`` or ``reconstruction``.
        shape: Pixels (y, x).
        size_m: Size (y, x) in m.
    """
    # A slice needs some thickness: that of a pixel.
    thickness_m = size_m[1] / shape[1]
    grid = {
        "size": [shape[1], shape[0], 1],
        "fieldOfView": [size_m[1], size_m[0], thickness_m],
        "fieldOfViewCenter": [0.0, 0.0, 0.0],
        "order": "xyz",
    }
    _write(file, group, grid)


def ffp_fields(scanner: Scanner) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the offset field (J, 1, 3) in T of each FFP position, and the gradient (J, 1, 3, 3).

    With the FFP at r_F the field is G·(r − r_F), so the offset is −G·r_F. The third gradient makes
    the field free of divergence.

    Args:
        scanner: The scanner; its positions are in the order of its signals, x first.
    """
    y_m, x_m = (
        cell_centres(count, size).numpy()
        for count, size in zip(scanner.ffp_shape, scanner.field_of_view_m, strict=True)
    )
    gradient = np.array([scanner.gradient_x_t_per_m, scanner.gradient_y_t_per_m, 0.0])
    gradient[2] = -gradient.sum()
    positions_m = np.zeros((len(y_m), len(x_m), 3))
    positions_m[..., 0], positions_m[..., 1] = x_m, y_m[:, None]
    offset_t = -gradient * positions_m.reshape(-1, 1, 3)
    return offset_t, np.broadcast_to(np.diag(gradient), (len(offset_t), 1, 3, 3))


def sampling_points(scanner: Scanner) -> int:
    """Returns how many samples of a period hold all harmonics: a power of two, 64 at least."""
    return max(64, 1 << (2 * max(scanner.harmonics)).bit_length())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")


def _write(file: h5py.File, group: str, fields: Mapping[str, Any]) -> None:
    """Writes fields; numbers become Int64 and Float64 as the format asks, flags are Int8."""
    target = file.require_group(group)
    for name, value in fields.items():
        require_room(file, np.asarray(value).nbytes)
        is_text = np.asarray(value).dtype.kind == "U"
        target.create_dataset(name, data=value, dtype=h5py.string_dtype() if is_text else None)
