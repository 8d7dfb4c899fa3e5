"""The unit of signals, and the receive chain between them and what a scanner measures.

A measured harmonic is the complex amplitude v_n(r_F) = (2/V)·Σ v(t)·exp(−2πi·n·t) over the V
samples of one drive period, in the unit of v: V, or counts. A signal is that amplitude without the
chain,

    u_n(r_F) = v_n(r_F)·exp(−iφ_n)/g_n = ∫ c(r)·PSF_n(r − r_F) dr ÷ ∫ |PSF| dr

so that |u| is at most the largest concentration c. Simulated signals are these u, with c = 1 where
a phantom is full; measured ones too, with c = 1 where the concentration is that of the
calibration's sample. The factor g_n·exp(iφ_n) is what ``calibrate`` finds: the amplitude that is a
signal of 1.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import Checked, InputError, Positive
from mpi_cascade.physics.forward import signal_unit
from mpi_cascade.physics.scanner import Scanner


@dataclass(frozen=True, kw_only=True)
class ReceiveChain(Checked):
    """What a scanner's receiver makes of tracer, as ``calibrate`` found it.

    Args:
        scanner: The scanner that was calibrated.
        harmonics: The harmonics n that were calibrated.
        gain: g_n of each in ``unit``, > 0, for the scanner with that harmonic alone.
        phase_rad: Phase φ_n of each in rad.
        gain_relative_std: Standard uncertainty of each g_n, as a share of it.
        phase_std_rad: Standard uncertainty of each φ_n in rad.
        background_real: Real part of each harmonic without a sample, in ``unit``, for scans that
            have no background of their own; empty if it was not measured.
        background_imag: Its imaginary part.
        unit: Unit of what was measured.
        concentration: The concentration that is 1 in signals and phantoms, > 0.
        concentration_unit: Its unit, which is that of images.
        is_transfer_function_corrected: Whether the transfer function was divided out.

    Raises:
        InputError: If there is not one finite value for each harmonic.
    """

    scanner: Scanner
    harmonics: tuple[int, ...]
    gain: tuple[float, ...]
    phase_rad: tuple[float, ...]
    gain_relative_std: tuple[float, ...] = ()
    phase_std_rad: tuple[float, ...] = ()
    background_real: tuple[float, ...] = ()
    background_imag: tuple[float, ...] = ()
    unit: str = "V"
    concentration: Positive = 1.0
    concentration_unit: str = "of the sample"
    is_transfer_function_corrected: bool = False

    def __post_init__(self) -> None:
        """Checks every value."""
        super().__post_init__()
        num = len(self.harmonics)
        required = ("gain", "phase_rad")
        optional = ("gain_relative_std", "phase_std_rad", "background_real", "background_imag")
        for name in (*required, *optional):
            values = getattr(self, name)
            lengths = (num,) if name in required else (0, num)
            if len(values) not in lengths or not all(map(math.isfinite, values)):
                raise InputError(
                    f"ReceiveChain.{name} is {list(values)}: give one finite number for each of "
                    f"the harmonics {list(self.harmonics)}"
                )
        if len(self.background_real) != len(self.background_imag):
            raise InputError(
                f"ReceiveChain.background_real is {list(self.background_real)}, background_imag "
                f"{list(self.background_imag)}: give both, or none"
            )
        if not num or min(self.gain) <= 0:
            raise InputError(f"ReceiveChain.gain is {list(self.gain)}: each must be greater than 0")

    @property
    def background(self) -> NDArray[np.complex128] | None:
        """Amplitude of each harmonic without a sample, (harmonics,); None if not measured."""
        if not self.background_real:
            return None
        return np.array(self.background_real) + 1j * np.array(self.background_imag)

    def places(self, scanner: Scanner) -> list[int]:
        """Returns where the harmonics of a scanner are among the calibrated ones.

        Args:
            scanner: The scanner.

        Raises:
            InputError: If one was not calibrated.
        """
        missing = [harmonic for harmonic in scanner.harmonics if harmonic not in self.harmonics]
        if missing:
            raise InputError(
                f"the receive chain was calibrated for the harmonics {list(self.harmonics)}, not "
                f"for {missing}: calibrate with --harmonics {' '.join(map(str, scanner.harmonics))}"
            )
        return [self.harmonics.index(harmonic) for harmonic in scanner.harmonics]

    def signals(self, amplitudes: NDArray[Any], scanner: Scanner) -> NDArray[Any]:
        """Returns amplitudes as signals: turned in phase, and without the gain.

        Args:
            amplitudes: Of the scanner's harmonics, (…, harmonics), in ``unit``, their background
                subtracted.
            scanner: The scanner that reconstructions believe in.

        Returns:
            Signals of the same shape: complex where the scanner's are, else their part in phase.

        Raises:
            InputError: If a harmonic was not calibrated.
        """
        places = self.places(scanner)
        phases = np.array(self.phase_rad)[places]
        gains = np.array(self.gain)[places]
        ratios = np.array([_unit_ratio(self.scanner, scanner, n) for n in scanner.harmonics])
        turned = amplitudes * (np.exp(-1j * phases) / (gains * ratios))
        return turned if scanner.is_complex else turned.real


def _unit_ratio(calibrated: Scanner, scanner: Scanner, harmonic: int) -> float:
    """Returns by how much the unit of a scanner's signals exceeds that of a calibrated gain.

    Both are integrals over the field of view, and that of several harmonics is the largest. Each
    PSF is measured by its own integral, so that a small error of the scanner does not scale images.
    """
    calibrated, alone = (replace(one, harmonics=(harmonic,)) for one in (calibrated, scanner))
    over_view = replace(
        calibrated,
        field_of_view_x_m=scanner.field_of_view_x_m,
        field_of_view_y_m=scanner.field_of_view_y_m,
    )
    view_ratio = signal_unit(over_view) / signal_unit(calibrated)
    return view_ratio * signal_unit(scanner) / signal_unit(alone)
