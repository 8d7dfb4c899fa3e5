"""The noise of a scan, estimated from the scan itself."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.checks import InputError
from mpi_cascade.devices import in_full_precision
from mpi_cascade.physics.linear import LinearModel, Signals

_NUM_PROBES = 64
_SHARE = 0.25
# Of the median of a quarter of the magnitudes, times the square root of their number.
_ERROR = 2.3
# The median of |x| of a standard normal variable.
_NORMAL_MEDIAN = 0.6745

_MODEL_ERROR = 10 ** (-55 / 20)
"""Of a scan's peak: 1.8 ‰, a little more than pixels leave out of one of ``reference``."""

LEAST_MEASUREMENTS = 16
"""FFP positions that tell noise from signal."""


class NoiseEstimate(nn.Module):
    """Standard deviation of a scan's white noise, from where S has next to no signal.

    Signals are smooth, as the PSF is wider than the steps of the FFP: of the cosine transform
    (DCT-II) over the FFP grid, that of S c for white images c says how much signal each coefficient
    can have. In the quarter that can have least, noise is all that remains; its σ is the median
    magnitude there ÷ 0.6745, channel by channel, and of several channels the root mean square.

    Its standard error is 2.3/√(number of measurements): 4 % with 64 × 64 FFP positions, 15 % with
    16 × 16, 29 % on a line of 64. What S leaves there bounds it: with the reference scanner's
    tracer and drive it holds to peak SNRs of 90 dB at steps of 0.1 or 0.2 mm along x and y, to
    50 dB at 0.4 mm or on a line of 64; beyond, it is too large. Drift and feed-through are smooth,
    and don't count.

    Args:
        forward_model: S, on the device of the signals.
    """

    def __init__(self, forward_model: LinearModel) -> None:
        super().__init__()
        signal = white_signals(forward_model)
        self.along_y, self.along_x = (
            nn.Buffer(_cosines(num).to(signal), persistent=False) for num in signal.shape[2:]
        )
        energy = self._cosine_transform(signal).square().mean(dim=0)
        num_least = max(1, round(_SHARE * energy.shape[1]))
        self.least = nn.Buffer(energy.argsort(dim=1)[:, :num_least], persistent=False)

    def forward(self, signal: Signals) -> Float[Tensor, " batch"]:
        """Returns σ of each scan, in the signal's unit; NaN with fewer than 16 FFP positions.

        Args:
            signal: Signals, (batch, channel, y, x).
        """
        if signal[0, 0].numel() < LEAST_MEASUREMENTS:
            return signal.new_full(signal.shape[:1], torch.nan)
        index = self.least.expand(signal.shape[0], -1, -1)
        magnitude = self._cosine_transform(signal).gather(2, index).abs()
        # Not torch.median, which is the lower one of an even number.
        by_channel = magnitude.quantile(0.5, dim=2) / _NORMAL_MEDIAN
        return by_channel.square().mean(dim=1).sqrt()

    def above_model_error(self, signal: Signals) -> Float[Tensor, " batch"]:
        """Returns σ of each scan, or that of a peak SNR of 55 dB where it has less noise.

        There an image of pixels can't explain the scan to its noise, and whoever asks it to takes
        what pixels leave out for a signal.

        Args:
            signal: Signals, (batch, channel, y, x).
        """
        return torch.maximum(self(signal), _MODEL_ERROR * signal.abs().amax(dim=(1, 2, 3)))

    def _cosine_transform(self, signal: Tensor) -> Float[Tensor, "batch c frequencies"]:
        """Returns the orthonormal DCT-II over y and x."""
        # In full precision, whatever the networks around it use.
        with in_full_precision(signal.device):
            return (self.along_y @ signal @ self.along_x.T).flatten(2)


def require_noise_estimate(forward_model: LinearModel, what: str) -> None:
    """Raises an InputError if scans have too few FFP positions to tell noise from signal.

    Args:
        forward_model: The model S of the scans.
        what: Name of the part that needs it.
    """
    if math.prod(forward_model.signal_shape[1:]) < LEAST_MEASUREMENTS:
        raise InputError(
            f"scans of {list(forward_model.signal_shape)} have too few FFP positions to tell noise "
            f"from signal, and {what} needs that: give {LEAST_MEASUREMENTS} or more, or networks "
            "without it"
        )


def peak_snr_db(
    peak: Float[Tensor, " batch"], noise: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Returns the peak signal-to-noise ratio 20·log10(peak/σ) of scans in dB.

    Args:
        peak: Largest |u| of each.
        noise: σ of each, in the same unit.
    """
    return 20 * (peak / noise).log10()


def standard_error(forward_model: LinearModel) -> float:
    """Returns the standard error of the estimate of σ, relative to σ.

    Args:
        forward_model: The model S of the scans.
    """
    return _ERROR / math.sqrt(math.prod(forward_model.signal_shape[1:]))


@torch.no_grad()
def white_signals(forward_model: LinearModel) -> Float[Tensor, "64 c my mx"]:
    """Returns the signals of 64 images of white noise, always the same: what S can make at all.

    Args:
        forward_model: The model S.
    """
    generator = torch.Generator().manual_seed(0)
    probes = torch.randn(_NUM_PROBES, 1, *forward_model.image_shape, generator=generator)
    return forward_model(probes.to(forward_model.device))


def _cosines(num: int) -> Float[Tensor, "frequencies positions"]:
    steps = torch.arange(num, dtype=torch.float64)
    cosines = torch.cos(math.pi / num * steps[:, None] * (steps + 0.5)) * math.sqrt(2 / num)
    cosines[0] /= math.sqrt(2)
    return cosines
