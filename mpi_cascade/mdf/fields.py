"""The fields of MDF that are read or written here, in one table: what, where, in which shape.

Letters of shapes: N frames, J periods, C receive channels, V samples of a period, W = V/2 + 1 its
Fourier components, K of these that are stored, D drive channels of F frequencies.

Source: T. Knopp et al., MDF: Magnetic Particle Imaging Data Format, 2020, arXiv:1602.06072.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.mdf.records import stored

SIGNAL_UNIT = "a.u."
"""Unit of signals, which are relative to ∫ |PSF| dr: ``physics.receive_chain`` defines it."""

_UNKNOWN = "n.a."

# Beyond these a value is not in the format's unit: mT or A/m for T.
_FIELD, _GRADIENT = (10.0, "T"), (1e3, "T/m")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")


def _new_uuid() -> str:
    return str(uuid4())


@dataclass(frozen=True, kw_only=True, eq=False)
class Acquisition:
    """How a scan was made, ``/acquisition``; field strengths in T are the format's T/µ0.

    Attributes:
        num_frames: Frames; None if not stated.
        num_periods: Periods J of a frame; None if not stated.
        num_channels: Receive channels; None if not stated.
        num_sampling_points: Samples V of one period.
        num_averages: Periods averaged into one.
        bandwidth_hz: Highest received frequency in Hz.
        unit: Unit of the signals; None if not stated.
        drive_base_hz: Frequency in Hz that the dividers divide.
        drive_divider: Dividers, (D, F).
        drive_strength_t: Amplitudes in T, (J, D, F); J is 1 where all periods are alike.
        drive_phase_rad: Phases in rad, (J, D, F); None if not stated.
        gradient_t_per_m: Selection field in T/m, (J, Y, 3, 3) in axes x, y, z; None if not stated.
        offset_field_t: Homogeneous field in T, (J, Y, 3); None if not stated.
        transfer_function: Of the receive chain for every component of the period, (C, V/2 + 1);
            None if not stated.
    """

    num_frames: int | None = stored("numFrames", int, counts="N", default=None)
    num_periods: int | None = stored(
        "numPeriodsPerFrame numPeriods numPatches", int, counts="J", default=None
    )
    num_channels: int | None = stored("receiver/numChannels", int, counts="C", default=None)
    num_sampling_points: int = stored("receiver/numSamplingPoints", int, counts="V")
    num_averages: int = stored("numAverages receiver/numAverages", int, default=1)
    bandwidth_hz: float = stored("receiver/bandwidth", float, least=1.0)
    unit: str | None = stored("receiver/unit /measurement/unit", str, default=None)
    drive_base_hz: float = stored("drivefield/baseFrequency", float, least=1.0)
    drive_divider: NDArray[np.int64] = stored("drivefield/divider", int, "D F")
    drive_strength_t: NDArray[np.float64] = stored(
        "drivefield/strength", float, "j D F", limit=_FIELD
    )
    drive_phase_rad: NDArray[np.float64] | None = stored(
        "drivefield/phase", float, "j D F", default=None
    )
    gradient_t_per_m: NDArray[np.float64] | None = stored(
        "gradient", float, "j Y 3 3", limit=_GRADIENT, default=None,
        earlier=("j 3", lambda diagonal: diagonal[:, None, :, None] * np.eye(3)),
    )  # fmt: skip
    offset_field_t: NDArray[np.float64] | None = stored(
        "offsetField", float, "j Y 3", limit=_FIELD, default=None,
        earlier=("j 3", lambda field: field[:, None]),
    )  # fmt: skip
    transfer_function: NDArray[np.complex128] | None = stored(
        "receiver/transferFunction", complex, "C W", default=None
    )

    @property
    def drive_frequency_hz(self) -> NDArray[np.float64]:
        """Frequencies of the drive field in Hz, (D, F)."""
        return self.drive_base_hz / self.drive_divider

    @property
    def base_frequency_hz(self) -> float:
        """Frequency of component 1 in Hz: one over the duration of a period's samples."""
        return 2 * self.bandwidth_hz / self.num_sampling_points


@dataclass(frozen=True, kw_only=True, eq=False)
class Processing:
    """What was done to the signals of ``/measurement``, and which of them are stored.

    Attributes:
        is_fourier: Whether they are Fourier transformed, and so complex.
        is_background_corrected: Whether a background has been subtracted.
        is_transfer_function_corrected: Whether the transfer function is divided out.
        is_leakage_corrected: Whether spectral leakage has been.
        is_compressed: Whether they are coefficients of a sparse basis.
        is_frame_last: Whether the frame is the last axis, not the first.
        is_permuted: Whether frames are in another order than that of acquisition.
        frame_permutation: Place 1 … N of each frame in the order of acquisition.
        is_selection: Whether not all of the period's Fourier components are stored.
        frequency_selection: Number of each stored component, from 1.
        is_background_frame: Which frames were measured without a sample; None if not stated.
        conversion: Factor and offset of each channel; None if values are in the unit.
    """

    is_fourier: bool = stored("isFourierTransformed", bool)
    is_background_corrected: bool = stored("isBackgroundCorrected", bool, default=False)
    is_transfer_function_corrected: bool = stored(
        "isTransferFunctionCorrected", bool, default=False
    )
    is_leakage_corrected: bool = stored("isSpectralLeakageCorrected", bool, default=False)
    is_compressed: bool = stored("isSparsityTransformed isBasisTransformed", bool, default=False)
    is_frame_last: bool = stored("isFastFrameAxis isTransposed", bool, default=False)
    is_permuted: bool = stored("isFramePermutation", bool, default=False)
    frame_permutation: NDArray[np.int64] | None = stored(
        "framePermutation", int, "N", needed_if="is_permuted", default=None
    )
    is_selection: bool = stored("isFrequencySelection", bool, default=False)
    frequency_selection: NDArray[np.int64] | None = stored(
        "frequencySelection", int, "K", needed_if="is_selection", default=None
    )
    is_background_frame: NDArray[np.bool_] | None = stored(
        "isBackgroundFrame", bool, "N", default=None
    )
    conversion: NDArray[np.float64] | None = stored(
        "/acquisition/receiver/dataConversionFactor dataConversionFactor", float, "C 2",
        default=None,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Whether signals were simulated, ``/experiment``."""

    is_simulation: bool = stored("isSimulation /study/isSimulation", bool, default=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracer:
    """What the sample held, ``/tracer``.

    Attributes:
        solute: What is dissolved, ``Fe`` as a rule.
        concentration_mol_per_l: Concentration of the solute of each tracer, (A,); None if not
            stated, 0 if not known.
    """

    solute: str = stored("solute", str, default="")
    concentration_mol_per_l: NDArray[np.float64] | None = stored(
        "concentration", float, "A", least=0.0, default=None
    )


@dataclass(frozen=True, kw_only=True)
class Description:
    """What the format asks of every file and nothing here reads, by absolute names."""

    version: str = stored("/version", str, default="2.1.0")
    uuid: str = stored("/uuid", str, default=_new_uuid)
    time: str = stored("/time", str, default=_now)
    study: str = stored("/study/name", str, default="mpi_cascade")
    study_number: int = stored("/study/number", int, default=0)
    study_description: str = stored("/study/description", str)
    study_uuid: str = stored("/study/uuid", str, default=_new_uuid)
    experiment: str = stored("/experiment/name", str)
    experiment_number: int = stored("/experiment/number", int, default=0)
    experiment_description: str = stored("/experiment/description", str)
    experiment_uuid: str = stored("/experiment/uuid", str, default=_new_uuid)
    subject: str = stored("/experiment/subject", str, default="phantom")
    tracer: tuple[str, ...] = stored("/tracer/name", str, "A")
    tracer_batch: tuple[str, ...] = stored("/tracer/batch", str, "A", default=(_UNKNOWN,))
    tracer_vendor: tuple[str, ...] = stored("/tracer/vendor", str, "A", default=(_UNKNOWN,))
    tracer_solute: tuple[str, ...] = stored("/tracer/solute", str, "A", default=("Fe",))
    tracer_volume: tuple[float, ...] = stored("/tracer/volume", float, "A", default=(0.0,))
    tracer_concentration: tuple[float, ...] = stored(
        "/tracer/concentration", float, "A", default=(0.0,)
    )
    scanner: str = stored("/scanner/name", str, default=_UNKNOWN)
    scanner_facility: str = stored("/scanner/facility", str, default=_UNKNOWN)
    scanner_manufacturer: str = stored("/scanner/manufacturer", str, default=_UNKNOWN)
    scanner_operator: str = stored("/scanner/operator", str, default=_UNKNOWN)
    scanner_topology: str = stored("/scanner/topology", str, default="FFP")
    start_time: str = stored("/acquisition/startTime", str, default=_now)
    drive_channels: int = stored("/acquisition/drivefield/numChannels", int, default=1)
    drive_cycle_s: float = stored("/acquisition/drivefield/cycle", float)
    drive_waveform: tuple[tuple[str, ...], ...] = stored(
        "/acquisition/drivefield/waveform", str, "D F", default=(("sine",),)
    )
