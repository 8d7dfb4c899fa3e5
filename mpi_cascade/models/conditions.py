"""What networks are told of the scanner and the scan, so that their weights hold neither."""

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.models.stages import PhysicsStage
from mpi_cascade.physics.linear import LinearModel, Signals
from mpi_cascade.physics.noise import (
    NoiseEstimate,
    peak_snr_db,
    require_noise_estimate,
    white_signals,
)

_USUAL_DETAIL = 3.0
"""In pixels: that of the ``reference`` scanner's images of 64 × 64."""

_USUAL_SNR_DB, _USUAL_SPREAD_DB = 30.0, 10.0


class Condition(PhysicsStage):
    """Numbers of order 1 that describe a scan; they don't change if the signal is scaled."""

    @abstractmethod
    def forward(self, signal: Signals) -> Float[Tensor, "batch numbers"]:
        """Returns the numbers of each scan."""


class PsfDetail(Condition):
    """How many pixels it takes along x and y for the PSF to change, as the logarithms: 2 numbers.

    Along each axis it is ‖u‖/‖Δu‖ in steps of the FFP for the signals u of white images, which have
    the spectrum of the PSF, times pixels per step. It needs nothing but S, so that a measured
    system matrix has it, too.
    """

    def use(self, forward_model: LinearModel) -> None:
        """Measures the PSF of a forward model."""
        details = torch.tensor(psf_details(forward_model))
        numbers = (details / _USUAL_DETAIL).log2().to(forward_model.device)
        self.numbers = nn.Buffer(numbers, persistent=False)

    def forward(self, signal: Signals) -> Float[Tensor, "batch numbers"]:
        """Returns log₂ of the detail along x and y, 0 for that of the reference scanner."""
        return self.numbers.expand(signal.shape[0], -1)


class NoiseLevel(Condition):
    """The peak signal-to-noise ratio, estimated from the scan itself, up to 55 dB: 1 number."""

    def use(self, forward_model: LinearModel) -> None:
        """Prepares the estimate for a forward model.

        Raises:
            InputError: If scans have too few FFP positions to tell noise from signal.
        """
        require_noise_estimate(forward_model, "NoiseLevel")
        self.estimate = NoiseEstimate(forward_model)

    def forward(self, signal: Signals) -> Float[Tensor, "batch numbers"]:
        """Returns (SNR − 30 dB) / 10 dB of each scan; 0 of an empty one."""
        peak = signal.abs().amax(dim=(1, 2, 3))
        noise = self.estimate.above_model_error(signal.float())
        numbers = (peak_snr_db(peak, noise) - _USUAL_SNR_DB) / _USUAL_SPREAD_DB
        return torch.where(peak > 0, numbers, 0.0)[:, None]


@torch.no_grad()
def psf_details(forward_model: LinearModel) -> tuple[float, float]:
    """Returns how many pixels along x and y the PSF takes to change, ‖h‖/‖∂h‖.

    Args:
        forward_model: The model S; on a line, which says nothing of y, that is 1.
    """
    signal = white_signals(forward_model)
    details = []
    for axis in (3, 2):
        steps_per_pixel = signal.shape[axis] / forward_model.image_shape[axis - 2]
        changes = signal.diff(dim=axis).square().mean()
        has_changes = signal.shape[axis] > 1
        steps = float((signal.square().mean() / changes).sqrt()) if has_changes else steps_per_pixel
        details.append(steps / steps_per_pixel)
    along_x, along_y = details
    return along_x, along_y
