"""A measured scan of a small sample: spectra at known positions, background subtracted."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf import MDFFile
from mpi_cascade.mdf.amplitudes import amplitude_factor, drive_cycles
from mpi_cascade.mdf.background import split_background
from mpi_cascade.mdf.hdf5 import HDF5File
from mpi_cascade.mdf.plane import FLAT_SHARE, snapped
from mpi_cascade.mdf.spectra import components, is_corrected, without_transfer_function

_MOST_POSITIONS = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class DeltaSampleScan:
    """Signals of a small sample that was put at known positions, the drive field along x.

    Attributes:
        x_m: Positions along x in m, (positions,).
        y_m: Positions along y in m, (positions,).
        spectra: Complex amplitudes of the harmonics 0, 1 … of the drive field in ``unit``,
            background subtracted, (positions, harmonics).
        background: The background's amplitudes in the order of measurement, (B, harmonics); B is
            0 if it was not measured.
        drive_amplitude_t: Amplitude of the drive field in T.
        drive_frequency_hz: Its frequency in Hz.
        unit: Unit of the signals.
        is_transfer_function_corrected: Whether the transfer function is divided out.
        stated_sample_m: Edges (x, y) of the sample that the file states, in m; None if it doesn't.
        stated_iron_mol_per_l: Concentration of its iron that the file states; None if it doesn't.
    """

    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    spectra: NDArray[np.complex128]
    background: NDArray[np.complex128]
    drive_amplitude_t: float
    drive_frequency_hz: float
    unit: str
    is_transfer_function_corrected: bool = False
    stated_sample_m: tuple[float, float] | None = None
    stated_iron_mol_per_l: float | None = None

    @property
    def line_y_m(self) -> NDArray[np.float64]:
        """The y of every line in m, ascending."""
        return np.unique(self.y_m)

    def at(self, chosen: NDArray[np.bool_]) -> "DeltaSampleScan":
        """Returns the scan at some of its positions.

        Args:
            chosen: Whether a position is kept, (positions,).
        """
        return replace(
            self, x_m=self.x_m[chosen], y_m=self.y_m[chosen], spectra=self.spectra[chosen]
        )

    @property
    def sample_edge_m(self) -> float | None:
        """Edge of a square of the area (x, y) that the file states of the sample, in m."""
        if self.stated_sample_m is None or min(self.stated_sample_m) <= 0:
            return None
        return math.sqrt(self.stated_sample_m[0] * self.stated_sample_m[1])

    @property
    def is_line(self) -> bool:
        """Whether all positions lie on one line along x."""
        return len(self.line_y_m) == 1


def is_mdf(path: Path) -> bool:
    """Returns whether an HDF5 file is MDF."""
    with HDF5File(path) as file:
        return file.find("/version") is not None


def read_rows(
    path: Path,
    name: str,
    x_m: NDArray[np.float64],
    y_m: NDArray[np.float64],
    drive_amplitude_t: float,
    drive_frequency_hz: float,
    unit: str = "counts",
) -> DeltaSampleScan:
    """Returns a scan from the rows of an HDF5 data set, one drive period in time each.

    The rows go line by line along x; where there is one more to a line, its first is the
    background.

    Args:
        path: The file.
        name: Name of the data set, (rows, samples).
        x_m: Positions of each line along x in m.
        y_m: The y of each line in m.
        drive_amplitude_t: Amplitude of the drive field in T.
        drive_frequency_hz: Its frequency in Hz.
        unit: Unit of the values.

    Raises:
        InputError: If the file can't be read, or has another number of rows.
    """
    with HDF5File(path) as file:
        values = file.array(f"/{name}")
    num_rows, num_lines = len(x_m), len(y_m)
    if values.ndim != 2 or len(values) not in (num_lines * num_rows, num_lines * (num_rows + 1)):
        raise InputError(
            f"{path}: {name} has the shape {values.shape}: {num_lines} lines of {num_rows} "
            f"positions need {num_lines * num_rows} rows, or {num_lines * (num_rows + 1)} with a "
            "background row before each line"
        )
    if not values.any():
        raise InputError(f"{path}: {name} is zero throughout: nothing was received")
    amplitudes = 2 / values.shape[1] * np.fft.rfft(values)
    lines = amplitudes.reshape(num_lines, len(values) // num_lines, -1)
    background = lines[:, : lines.shape[1] - num_rows]
    spectra = lines[:, -num_rows:]
    if background.shape[1]:
        spectra = spectra - background
    return DeltaSampleScan(
        x_m=np.tile(x_m, num_lines),
        y_m=np.repeat(y_m, num_rows),
        spectra=spectra.reshape(num_lines * num_rows, -1),
        background=background.reshape(-1, lines.shape[2]),
        drive_amplitude_t=drive_amplitude_t,
        drive_frequency_hz=drive_frequency_hz,
        unit=unit,
    )


def read_mdf(path: Path) -> DeltaSampleScan:
    """Returns a scan from an MDF calibration; its first receive channel counts.

    Background frames are subtracted as ``split_background`` says.

    Raises:
        InputError: If the file is no calibration of one drive channel along x in one plane.
    """
    with MDFFile(path) as file:
        grid, acquisition, measurement = file.calibration, file.acquisition, file.measurement
        if grid is None:
            raise InputError(f"{path} has no group /calibration: name a scan of a small sample")
        if acquisition.drive_frequency_hz.shape != (1, 1) or measurement.shape[1] != 1:
            raise InputError(
                f"{path} has {acquisition.drive_frequency_hz.shape[0]} drive channels and "
                f"{measurement.shape[1]} periods: a calibration here has one of each"
            )
        positions_m = grid.positions_m
        least_m = FLAT_SHARE * float(np.ptp(positions_m, axis=0).max())
        if np.ptp(positions_m[:, 2]) > least_m or len(positions_m) > _MOST_POSITIONS:
            raise InputError(
                f"{path} has {len(positions_m)} positions in several planes: calibrate with up to "
                f"{_MOST_POSITIONS} in one"
            )
        parts = split_background(measurement, _harmonics(file)[:, None, None])
        return DeltaSampleScan(
            x_m=snapped(positions_m[:, 0], 0.0),
            y_m=snapped(positions_m[:, 1], least_m),
            spectra=parts.foreground[:, 0, 0],
            background=parts.background[:, 0, 0],
            drive_amplitude_t=float(acquisition.drive_strength_t[0, 0, 0]),
            drive_frequency_hz=float(acquisition.drive_frequency_hz[0, 0]),
            unit=acquisition.unit or "a unit that is not stated",
            is_transfer_function_corrected=is_corrected(file),
            stated_sample_m=grid.delta_sample_m and grid.delta_sample_m[:2],
            stated_iron_mol_per_l=file.iron_mol_per_l,
        )


def _harmonics(file: MDFFile) -> NDArray[np.complex128]:
    """Returns amplitudes of the harmonics 0, 1 … of every frame's first channel; absent ones are 0.

    Raises:
        InputError: If a period of the file does not hold whole periods of the drive field.
    """
    measurement = file.measurement
    values: NDArray[Any] = measurement.read()
    if not values.any():
        raise InputError(f"{file.path} is zero throughout: nothing was received")
    spectra = values if measurement.is_fourier else np.fft.rfft(values)
    spectra = without_transfer_function(file, spectra, slice(None))[:, 0, 0]
    present = components(file)
    whole = np.zeros((len(spectra), int(present.max()) + 1), np.complex128)
    whole[:, present] = amplitude_factor(file) * spectra
    return whole[:, :: drive_cycles(file)]
