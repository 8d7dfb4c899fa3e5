"""How the scan of an MDF file was made.

Every quantity is in SI units, field strengths in T (the format's T/µ0). Must not read signals.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.fields import first_name, integer, number, real, require_below, shaped
from mpi_cascade.mdf.hdf5 import HDF5File

# Beyond these a value is not in the format's unit: mT or A/m for T.
_LARGEST_FIELD_T = 10.0
_LARGEST_GRADIENT_T_PER_M = 1e3


@dataclass(frozen=True, kw_only=True, eq=False)
class Acquisition:
    """How a scan was made: J periods, D drive channels of F frequencies, C receive channels.

    Attributes:
        drive_frequency_hz: Frequencies in Hz, (D, F).
        drive_strength_t: Amplitudes in T, (J, D, F).
        drive_phase_rad: Phases in rad, (J, D, F).
        gradient_t_per_m: Selection field in T/m, (J, Y, 3, 3) in axes x, y, z; None if not stated.
        offset_field_t: Homogeneous field in T, (J, Y, 3); None if not stated.
        num_averages: Periods averaged into one.
        num_sampling_points: Samples V of one period.
        bandwidth_hz: Highest received frequency in Hz.
        unit: Unit of the signals; None if not stated.
        transfer_function: Of the receive chain for every component of the period, (C, V/2 + 1);
            None if not stated.
    """

    drive_frequency_hz: NDArray[np.float64]
    drive_strength_t: NDArray[np.float64]
    drive_phase_rad: NDArray[np.float64]
    gradient_t_per_m: NDArray[np.float64] | None
    offset_field_t: NDArray[np.float64] | None
    num_averages: int
    num_sampling_points: int
    bandwidth_hz: float
    unit: str | None
    transfer_function: NDArray[np.complex128] | None

    @property
    def base_frequency_hz(self) -> float:
        """Frequency of component 1 in Hz: one over the duration of a period's samples."""
        return 2 * self.bandwidth_hz / self.num_sampling_points


def read_acquisition(file: HDF5File) -> Acquisition:
    """Returns how the scan of a file was made, by the names of v2.1 or v2.0.

    Raises:
        InputError: If a field is absent that everything needs, has another shape than its
            neighbours, or can't be in the format's unit.
    """
    drive, receiver = "/acquisition/drivefield", "/acquisition/receiver"
    base_hz = number(file, f"{drive}/baseFrequency", lower=1.0)
    divider = shaped(file, f"{drive}/divider", 2)
    if (divider <= 0).any():
        raise InputError(f"{file.path}: {drive}/divider has values of 0 or less")
    strength = shaped(file, f"{drive}/strength", 3)
    require_below(file, f"{drive}/strength", strength, _LARGEST_FIELD_T, "T")
    if strength.shape[1:] != divider.shape:
        raise InputError(
            f"{file.path}: {drive}/strength has the shape {strength.shape}, {drive}/divider "
            f"{divider.shape}: they must be J × D × F and D × F"
        )
    has_phase = file.find(f"{drive}/phase") is not None
    phase = shaped(file, f"{drive}/phase", 3) if has_phase else np.zeros_like(strength)
    if phase.shape != strength.shape:
        raise InputError(
            f"{file.path}: {drive}/phase has the shape {phase.shape}, {drive}/strength "
            f"{strength.shape}: both must be J × D × F"
        )
    averages = first_name(file, "/acquisition/numAverages", f"{receiver}/numAverages")
    unit = first_name(file, f"{receiver}/unit", "/measurement/unit")
    return Acquisition(
        drive_frequency_hz=base_hz / divider,
        drive_strength_t=strength,
        drive_phase_rad=phase,
        gradient_t_per_m=_gradient(file),
        offset_field_t=_offset_field(file),
        num_averages=integer(file, averages) if averages else 1,
        num_sampling_points=integer(file, f"{receiver}/numSamplingPoints"),
        bandwidth_hz=number(file, f"{receiver}/bandwidth", lower=1.0),
        unit=file.text(unit)[0].strip() if unit else None,
        transfer_function=_transfer_function(file, receiver),
    )


def _transfer_function(file: HDF5File, receiver: str) -> NDArray[np.complex128] | None:
    name = f"{receiver}/transferFunction"
    if file.find(name) is None:
        return None
    values = np.atleast_2d(file.array(name)).astype(np.complex128)
    shape = (
        integer(file, f"{receiver}/numChannels"),
        integer(file, f"{receiver}/numSamplingPoints") // 2 + 1,
    )
    if values.shape != shape:
        raise InputError(f"{file.path}: {name} has the shape {values.shape}: it must be {shape}")
    return values


def _gradient(file: HDF5File) -> NDArray[np.float64] | None:
    """Returns the gradient as J × Y × 3 × 3; v2.0 has its diagonal, J × 3."""
    name = "/acquisition/gradient"
    if file.find(name) is None:
        return None
    values = real(file, name)
    require_below(file, name, values, _LARGEST_GRADIENT_T_PER_M, "T/m")
    if values.ndim <= 2 and values.shape[-1:] == (3,):
        diagonal = values.reshape(-1, 1, 3)
        return diagonal[..., None] * np.eye(3)
    if values.ndim == 4 and values.shape[2:] == (3, 3):
        return values
    raise InputError(f"{file.path}: {name} has the shape {values.shape}: it must be J × Y × 3 × 3")


def _offset_field(file: HDF5File) -> NDArray[np.float64] | None:
    name = "/acquisition/offsetField"
    if file.find(name) is None:
        return None
    values = real(file, name)
    require_below(file, name, values, _LARGEST_FIELD_T, "T")
    if values.shape[-1:] != (3,) or values.ndim > 3:
        raise InputError(f"{file.path}: {name} has the shape {values.shape}: it must be J × Y × 3")
    return values if values.ndim == 3 else values.reshape(-1, 1, 3)
