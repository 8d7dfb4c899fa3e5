"""What a real receive chain adds to the ideal signal, each effect a class of its own.

Every disturbance maps a signal (batch, channel, y, x) and the samples' random numbers to a signal
of the same shape; a chain of them is applied in order. Amounts are relative to the peak of the
signal that a disturbance is given. The FFP scans line by line, along x.

Relaxation and the spread of core diameters belong to ``Particle``; a model that is off is another
``Scanner``; a calibration with a delta sample of finite size is ``psf.DeltaSamplePSF``.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import Checked, Finite, NonNegative, Usual, ascending
from mpi_cascade.devices import counted, made_once, pair
from mpi_cascade.physics.linear import Signals
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams

SNR = Usual(-20, 400, "dB", "the peak SNR of a scan")
Displacement = Annotated[NonNegative, Usual(0, 0.05, "m", "an error of the FFP")]


class Disturbance(Checked, ABC):
    """One effect of a real receive chain."""

    @abstractmethod
    def __call__(self, signal: Signals, scanner: Scanner, streams: RandomStreams) -> Signals:
        """Returns the disturbed signal."""


@dataclass(frozen=True, kw_only=True)
class WhiteNoise(Disturbance):
    """White Gaussian receiver noise, σ = max|u|·10^(−SNR/20).

    Args:
        peak_snr_db: Peak signal-to-noise ratio 20·log10(max|u|/σ) in dB.

    Raises:
        InputError: If ``peak_snr_db`` is not finite.
    """

    peak_snr_db: Annotated[Finite, SNR] = 30.0

    def __call__(self, signal: Tensor, scanner: Scanner, streams: RandomStreams) -> Tensor:
        """Returns the signal plus noise."""
        sigma = _peak(signal) * 10 ** (-self.peak_snr_db / 20)
        return signal + sigma * streams.normal("white noise", signal.shape[1:])


@dataclass(frozen=True, kw_only=True)
class VariedNoise(Disturbance):
    """White Gaussian receiver noise whose peak SNR differs from scan to scan.

    Args:
        peak_snr_db: Lowest and highest 20·log10(max|u|/σ) in dB, uniform between.

    Raises:
        InputError: If it is no ascending pair.
    """

    peak_snr_db: Annotated[tuple[float, float], ascending(), SNR] = (20.0, 50.0)

    def __call__(self, signal: Tensor, scanner: Scanner, streams: RandomStreams) -> Tensor:
        """Returns the signal plus noise."""
        lowest, highest = self.peak_snr_db
        level_db = lowest + (highest - lowest) * streams.uniform("peak SNR")[:, None, None, None]
        sigma = _peak(signal) * 10 ** (-level_db / 20)
        return signal + sigma * streams.normal("white noise", signal.shape[1:])


@dataclass(frozen=True, kw_only=True)
class PinkNoise(Disturbance):
    """1/f noise along the scan: power inversely proportional to frequency.

    Args:
        peak_snr_db: Peak signal-to-noise ratio 20·log10(max|u|/σ) in dB, σ over a whole scan.

    Raises:
        InputError: If ``peak_snr_db`` is not finite.
    """

    peak_snr_db: Annotated[Finite, SNR] = 40.0

    def __call__(self, signal: Tensor, scanner: Scanner, streams: RandomStreams) -> Tensor:
        """Returns the signal plus noise."""
        white = streams.normal("pink noise", signal.shape[1:]).flatten(2)
        num_times = white.shape[-1]
        spectrum = torch.fft.rfft(white) * _pink_spectrum(num_times, signal.device)
        pink = torch.fft.irfft(spectrum, n=num_times).view_as(signal)
        return signal + _peak(signal) * 10 ** (-self.peak_snr_db / 20) * pink


@dataclass(frozen=True, kw_only=True)
class FeedThrough(Disturbance):
    """Feed-through of the drive field at the received harmonics: a constant added everywhere.

    Args:
        relative_amplitude: Amplitude relative to the peak, ≥ 0; 0.1 on a measured set-up.
        phase_rad: Phase against the in-phase signal in rad; a real channel receives its cosine.

    Raises:
        InputError: If a value is out of its range.
    """

    relative_amplitude: NonNegative = 0.1
    phase_rad: Finite = 0.0

    def __call__(self, signal: Tensor, scanner: Scanner, streams: RandomStreams) -> Tensor:
        """Returns the signal plus a constant per channel."""
        parts = pair(math.cos(self.phase_rad), math.sin(self.phase_rad), like=signal)
        if not scanner.is_complex:
            parts = parts[:1]
        # A measured matrix has channels of its own, not those of the scanner's harmonics.
        num_channels = signal.shape[1]
        offset = parts.repeat(num_channels)[:num_channels, None, None]
        return signal + self.relative_amplitude * _peak(signal) * offset


@dataclass(frozen=True, kw_only=True)
class BackgroundDrift(Disturbance):
    """A background that drifts from line to line: a random walk, constant within a line.

    Args:
        relative_std: Standard deviation of the step between lines, relative to the peak, ≥ 0;
            0.016 on a measured set-up.

    Raises:
        InputError: If ``relative_std`` is negative.
    """

    relative_std: NonNegative = 0.016

    def __call__(self, signal: Tensor, scanner: Scanner, streams: RandomStreams) -> Tensor:
        """Returns the signal plus an offset per line and channel."""
        steps = streams.normal("background drift", (*signal.shape[1:3], 1))
        return signal + self.relative_std * _peak(signal) * steps.cumsum(dim=2)


@dataclass(frozen=True, kw_only=True)
class GainVariation(Disturbance):
    """A gain that does not quite repeat: every line has its own, the same for all channels.

    Args:
        relative_std: Standard deviation of the gain around 1, ≥ 0; 0.018 is what a measured
            set-up had at most, and noise alone may explain it.

    Raises:
        InputError: If ``relative_std`` is negative.
    """

    relative_std: NonNegative = 0.018

    def __call__(self, signal: Tensor, scanner: Scanner, streams: RandomStreams) -> Tensor:
        """Returns the signal times a gain per line."""
        variation = streams.normal("gain variation", (1, signal.shape[2], 1))
        return signal * (1 + self.relative_std * variation)


@dataclass(frozen=True, kw_only=True)
class FFPDisplacement(Disturbance):
    """An FFP that is not where it is thought to be: one offset per scan, jitter per position.

    The signal is resampled at the true positions by cubic convolution, and held constant
    beyond the outermost ones.

    Args:
        offset_std_m: Standard deviation of the scan's offset along x and y in m, ≥ 0.
        jitter_std_m: Standard deviation of each position's error along x and y in m, ≥ 0.

    Raises:
        InputError: If a value is negative.
    """

    offset_std_m: Displacement = 0.0
    jitter_std_m: Displacement = 0.0

    def __call__(self, signal: Tensor, scanner: Scanner, streams: RandomStreams) -> Tensor:
        """Returns the signal at the displaced positions."""
        size_y_m, size_x_m = scanner.field_of_view_m
        num_y, num_x = signal.shape[2:]
        offset_m = self.offset_std_m * streams.normal("ffp offset", (2, 1, 1))
        jitter_m = self.jitter_std_m * streams.normal("ffp jitter", (2, num_y, num_x))
        shift_x, shift_y = (offset_m + jitter_m).unbind(dim=1)
        row = counted(num_y, signal.device)[:, None] + shift_y * (num_y / size_y_m)
        column = counted(num_x, signal.device) + shift_x * (num_x / size_x_m)
        return _interpolate(signal, row, column)


def _interpolate(
    signal: Signals,
    row: Float[Tensor, "batch my mx"],
    column: Float[Tensor, "batch my mx"],
) -> Signals:
    """Returns the signal at fractional positions by cubic convolution, held constant outside.

    torch's own bicubic kernel (a = −0.75) makes slopes half as steep again: jitter needs a = −0.5.

    Source:
        R. G. Keys, IEEE TASSP 29, 1981, doi:10.1109/TASSP.1981.1163711.
    """
    num_channels, num_y, num_x = signal.shape[1:]
    steps = counted(4, signal.device)[:, None, None, None] - 1
    nodes_y, nodes_x = row.floor() + steps, column.floor() + steps
    weights_y, weights_x = _keys_kernel(row - nodes_y), _keys_kernel(column - nodes_x)
    starts, columns = nodes_y.clamp(0, num_y - 1) * num_x, nodes_x.clamp(0, num_x - 1)
    result = torch.zeros_like(signal)
    for weight_y, start in zip(weights_y, starts, strict=True):
        for weight, number in zip(weight_y * weights_x, (start + columns).long(), strict=True):
            index = number.flatten(1)[:, None].expand(-1, num_channels, -1)
            result = result + weight[:, None] * signal.flatten(2).gather(2, index).view_as(signal)
    return result


@made_once
def _pink_spectrum(num_times: int, device: torch.device) -> Float[Tensor, " frequencies"]:
    """Returns what white noise of variance 1 is multiplied by to be 1/f noise of variance 1."""
    weights = torch.arange(num_times // 2 + 1, device=device).clamp_min(1) ** -0.5
    weights[0] = 0
    # A real spectrum holds every frequency but 0 and Nyquist twice.
    multiplicity = torch.full_like(weights, 2.0)
    if num_times % 2 == 0:
        multiplicity[-1] = 1
    variance = (multiplicity * weights.square()).sum() / num_times
    return weights / variance.sqrt().clamp_min(1e-12)


def _keys_kernel(distance: Tensor) -> Tensor:
    distance = distance.abs()
    inner = (1.5 * distance - 2.5) * distance**2 + 1
    outer = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance <= 1, inner, torch.where(distance < 2, outer, 0.0))


def _peak(signal: Tensor) -> Float[Tensor, "batch 1 1 1"]:
    return signal.abs().amax(dim=(1, 2, 3), keepdim=True)
