"""Measured scans in arrays: amplitudes, or periods in time, which a receive chain makes signals."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.scanner import Scanner

LAYOUT = (
    "(scan, harmonic, y, x), or (scan, y, x) for one harmonic, amplitudes without background: "
    "complex, or real in phase; or drive periods in time, (scan, y, x, sample), or (y·x, sample) "
    "of one scan"
)


def measured_array(
    name: str,
    shape: tuple[int, ...],
    kind: np.dtype[Any],
    read: Callable[[slice], NDArray[Any]],
    chain: ReceiveChain,
    scanner: Scanner,
) -> tuple[int, Callable[[slice], NDArray[Any]], bool]:
    """Returns the scans of an array by its layout.

    Args:
        name: What the array is called in errors.
        shape: Its shape.
        kind: Its type.
        read: Returns a part of it along its first axis.
        chain: What turns amplitudes into signals.
        scanner: The scanner that the signals are wanted for.

    Returns:
        How many scans there are, what reads the signals (scan, channel, y, x) of a part of them,
        and whether they are drive periods in time, with the calibration's background.

    Raises:
        InputError: If it has no such layout.
    """
    ffp, harmonics = scanner.ffp_shape, scanner.harmonics
    amplitude_shape = (len(harmonics), *ffp)
    least_samples = 2 * max(harmonics) + 1
    is_of_harmonics = shape[1:] == amplitude_shape or (len(harmonics) == 1 and shape[1:] == ffp)
    if is_of_harmonics and shape[0] and kind.kind in "fc":
        return shape[0], lambda part: _of_amplitudes(read(part), chain, scanner), False
    if kind.kind in "fiu" and shape and shape[-1] >= least_samples:
        if len(shape) == 4 and shape[0] and shape[1:3] == ffp:
            return shape[0], lambda part: _of_periods(read(part), chain, scanner), True
        if len(shape) == 2 and shape[0] == math.prod(ffp):
            one = 1, *ffp, shape[-1]
            return (
                1,
                lambda part: _of_periods(read(slice(None)).reshape(one)[part], chain, scanner),
                True,
            )
    raise InputError(
        f"{name} has the shape {list(shape)} of {kind}: measured scans of the harmonics "
        f"{list(harmonics)} at {list(ffp)} FFP positions (y, x) are {LAYOUT}"
    )


def _of_amplitudes(values: NDArray[Any], chain: ReceiveChain, scanner: Scanner) -> NDArray[Any]:
    amplitudes = np.moveaxis(values.reshape(len(values), -1, *scanner.ffp_shape), 1, -1)
    if not np.iscomplexobj(values):
        # In phase is in the chain's phase.
        phases = np.array(chain.phase_rad)[chain.places(scanner)]
        amplitudes = amplitudes * np.exp(1j * phases)
    return _as_channels(chain.signals(amplitudes, scanner))


def _of_periods(values: NDArray[Any], chain: ReceiveChain, scanner: Scanner) -> NDArray[Any]:
    amplitudes = 2 / values.shape[-1] * np.fft.rfft(values)[..., list(scanner.harmonics)]
    if chain.background is not None:
        amplitudes = amplitudes - chain.background[chain.places(scanner)]
    return _as_channels(chain.signals(amplitudes, scanner))


def _as_channels(signals: NDArray[Any]) -> NDArray[Any]:
    """Returns signals (scan, y, x, harmonic) as (scan, channel, y, x)."""
    if np.iscomplexobj(signals):
        signals = np.stack((signals.real, signals.imag), axis=-1).reshape(*signals.shape[:3], -1)
    return np.moveaxis(signals, -1, 1)
