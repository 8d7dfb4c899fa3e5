"""Tikhonov filters in the eigenbasis of S: images of a signal, from sharp but noisy to smooth."""

import math
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.checks import ascending
from mpi_cascade.devices import in_full_precision
from mpi_cascade.physics.linear import Images, LinearModel, Signals
from mpi_cascade.physics.noise import NoiseEstimate, require_noise_estimate
from mpi_cascade.solvers.tikhonov import Tikhonov

Regularisations = Annotated[tuple[float, float], ascending(1e-12)]
"""Smallest and largest λ of a bank; float32 can't tell less from 0."""

_LEAST_SHARE = 1e-2
"""Smallest eigenvalue of a mode that is kept, as a share of the smallest λ."""

_LEAST_LEVEL, _LARGEST_LEVEL = 1e-7, 1e-1
"""Bounds of σ²/τ², relative to the largest eigenvalue of S Sᵀ."""

_LEAST_REGULARISATION, _LARGEST_REGULARISATION = 1e-8, 1.0
"""Bounds of λ that follow the noise, relative to the largest eigenvalue of S Sᵀ."""


def decades(ends: tuple[float, float], num: int) -> Float[Tensor, " values"]:
    """Returns numbers from one end to the other, evenly spaced in their logarithms."""
    lower, upper = (math.log10(end) for end in ends)
    return torch.logspace(lower, upper, num)


class Eigenmodes(nn.Module):
    """The modes U that S can see, with S Sᵀ = U Λ Uᵀ: signals as coefficients Uᵀ u, and images.

    Args:
        least: Smallest eigenvalue of a mode that is kept, relative to the largest one.
    """

    def __init__(self, least: float) -> None:
        super().__init__()
        self.least = least

    def use(self, forward_model: LinearModel) -> None:
        """Finds the modes of a forward model."""
        self.image_shape = forward_model.image_shape
        solver = Tikhonov(forward_model)
        kept = solver.eigenvalues > self.least * solver.eigenvalues[-1]
        self.eigenvalues = nn.Buffer(solver.eigenvalues[kept], persistent=False)
        self.from_signal = nn.Buffer(solver.from_signal[:, kept], persistent=False)
        self.to_image = nn.Buffer(solver.to_image[kept], persistent=False)

    def coefficients(self, signal: Signals) -> Float[Tensor, "batch modes"]:
        """Returns Uᵀ u."""
        with in_full_precision(signal.device):
            return signal.float().flatten(1) @ self.from_signal

    def explained(self, image: Images) -> Float[Tensor, "batch modes"]:
        """Returns Uᵀ S c, the coefficients of the signal that an image would have."""
        with in_full_precision(image.device):
            return image.float().flatten(1) @ self.to_image.T

    def mapped(
        self, coefficients: Float[Tensor, "batch filters modes"]
    ) -> Float[Tensor, "batch filters ny nx"]:
        """Returns Sᵀ U times coefficients."""
        with in_full_precision(coefficients.device):
            return (coefficients @ self.to_image).unflatten(-1, self.image_shape)


class TikhonovFilters(Eigenmodes):
    """Sᵀ U (Λ + λₖ)⁻¹ for several λₖ, the same for all scans, applied to coefficients Uᵀ u.

    Only the modes with eigenvalues of at least 1 % of the smallest λ are kept.

    Args:
        num_filters: Filters, > 0.
        relative_regularisation: Smallest and largest λ, relative to the largest eigenvalue of
            S Sᵀ, ≥ 1e-12.
    """

    def __init__(self, num_filters: int, relative_regularisation: tuple[float, float]) -> None:
        super().__init__(_LEAST_SHARE * relative_regularisation[0])
        self.regularisations = decades(relative_regularisation, num_filters)

    def use(self, forward_model: LinearModel) -> None:
        """Makes the filters of a forward model."""
        super().use(forward_model)
        largest = self.eigenvalues[-1]
        inverse = 1 / (self.eigenvalues / largest + self.regularisations[:, None]) / largest
        self.inverse = nn.Buffer(inverse, persistent=False)

    def forward(
        self, coefficients: Float[Tensor, "batch modes"], gains: Tensor | float = 1.0
    ) -> Float[Tensor, "batch filters ny nx"]:
        """Returns the image of each filter.

        Args:
            coefficients: Uᵀ u.
            gains: Factors of the modes, (filter, mode) or one for all.
        """
        return self.mapped(coefficients[:, None] * (self.inverse * gains))


class NoiseFilters(Eigenmodes):
    """Sᵀ U (Λ + λₖ)⁻¹ for several λₖ that follow the noise of each scan.

    Of white images with variance τ² in noise of variance σ² the best linear estimate has
    λ = σ²/τ². Both are found from the scan alone: σ by ``NoiseEstimate``, up to an SNR of 55 dB,
    and τ² by what signal remains, as the mean of u² is σ² + τ² tr(S Sᵀ)/M for M measurements. Every
    λₖ is a factor times that, within 1e-8 … 1 of the largest eigenvalue. So a filter lets through
    what noise leaves of a scan, on any scanner.

    Args:
        num_filters: Filters, > 0.
        factors: Smallest and largest factor of σ²/τ², ≥ 1e-12.
    """

    def __init__(self, num_filters: int, factors: tuple[float, float]) -> None:
        super().__init__(_LEAST_REGULARISATION)
        self.factors = nn.Buffer(decades(factors, num_filters), persistent=False)

    def use(self, forward_model: LinearModel) -> None:
        """Finds the modes of a forward model, and where its scans show their noise.

        Raises:
            InputError: If scans have too few FFP positions to tell noise from signal.
        """
        require_noise_estimate(forward_model, "NoiseFilters")
        super().use(forward_model)
        self.estimate = NoiseEstimate(forward_model)
        num_measurements = math.prod(forward_model.signal_shape)
        self.mean_eigenvalue = float(self.eigenvalues.sum()) / num_measurements

    def noise_level(self, signal: Signals) -> Float[Tensor, " batch"]:
        """Returns σ²/τ² of each scan, relative to the largest eigenvalue, in 1e-7 … 0.1."""
        signal = signal.float()
        noise = self.estimate.above_model_error(signal).square()
        power = signal.square().mean(dim=(1, 2, 3)) - noise
        level = self.mean_eigenvalue / self.eigenvalues[-1] * noise / power
        # Nothing but noise, or nothing at all.
        return torch.where(power > 0, level, _LARGEST_LEVEL).clamp(_LEAST_LEVEL, _LARGEST_LEVEL)

    def inverse(self, noise_level: Float[Tensor, " batch"]) -> Float[Tensor, "batch filters modes"]:
        """Returns (Λ + λₖ)⁻¹ of each scan.

        Args:
            noise_level: What ``noise_level`` says of the scans.
        """
        share = (noise_level[:, None] * self.factors).clamp(
            _LEAST_REGULARISATION, _LARGEST_REGULARISATION
        )
        return 1 / (self.eigenvalues + share[:, :, None] * self.eigenvalues[-1])
