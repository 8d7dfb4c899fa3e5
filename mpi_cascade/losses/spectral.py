"""Losses of an image's spatial frequencies."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.checks import NonNegative, check_arguments
from mpi_cascade.physics.linear import Images


class FocalFrequency(nn.Module):
    """Mean over frequencies of w·|Δ|², where Δ is the orthonormal FFT of the error.

    The weight w = |Δ|^α/max|Δ|^α of each image lets the frequencies that are worst count most,
    where a network likes to learn the easy, low ones. No gradient flows through w. With α = 0 the
    loss is the mean square error.

    Args:
        alpha: Exponent α of the weights, ≥ 0.

    Raises:
        InputError: If ``alpha`` is negative.

    Source:
        L. Jiang et al., Focal frequency loss for image reconstruction and synthesis, Proc. IEEE
        ICCV, 2021, doi:10.1109/ICCV48922.2021.01366.
    """

    def __init__(self, alpha: NonNegative = 1.0) -> None:
        super().__init__()
        self.alpha = alpha
        check_arguments(self)

    def forward(self, estimate: Images, truth: Images) -> Float[Tensor, ""]:
        """Returns the loss, 0 at the truth."""
        spectrum = torch.view_as_real(torch.fft.fft2(estimate - truth, norm="ortho"))
        energy = spectrum.square().sum(dim=-1)
        largest = energy.detach().amax(dim=(1, 2, 3), keepdim=True)
        # At the truth every frequency is 0, and so is its weight, whatever it is divided by.
        tiny = torch.finfo(energy.dtype).tiny
        weight = (energy.detach() / largest.clamp_min(tiny)) ** (self.alpha / 2)
        return (weight * energy).mean()
