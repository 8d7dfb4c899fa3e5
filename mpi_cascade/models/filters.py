"""A bank of Tikhonov filters: images of a signal, from sharp but noisy to smooth."""

import math
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpi_cascade.checks import ascending
from mpi_cascade.devices import in_full_precision
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.solvers.tikhonov import Tikhonov

Regularisations = Annotated[tuple[float, float], ascending(1e-12)]
"""Smallest and largest λ of a bank; float32 can't tell less from 0."""

_LEAST_SHARE = 1e-2
"""Smallest eigenvalue of a mode in a bank, as a share of the smallest λ."""


def decades(ends: tuple[float, float], num: int) -> Float[Tensor, " values"]:
    """Returns numbers from one end to the other, evenly spaced in their logarithms."""
    lower, upper = (math.log10(end) for end in ends)
    return torch.logspace(lower, upper, num)


class TikhonovFilters(nn.Module):
    """Sᵀ U (Λ + λₖ)⁻¹ for several λₖ, applied to coefficients Uᵀ u, with S Sᵀ = U Λ Uᵀ.

    Only the modes with eigenvalues of at least 1 % of the smallest λ are kept.

    Args:
        num_filters: Filters, > 0.
        relative_regularisation: Smallest and largest λ, relative to the largest eigenvalue of
            S Sᵀ, ≥ 1e-12.
    """

    def __init__(self, num_filters: int, relative_regularisation: tuple[float, float]) -> None:
        super().__init__()
        self.regularisations = decades(relative_regularisation, num_filters)
        self.eigenvalues: Tensor
        self.from_signal: Tensor
        self.to_image: Tensor
        self.inverse: Tensor

    def use(self, forward_model: LinearModel) -> None:
        """Makes the filters of a forward model."""
        self.image_shape = forward_model.image_shape
        solver = Tikhonov(forward_model)
        eigenvalues = solver.eigenvalues / solver.eigenvalues[-1]
        kept = eigenvalues > _LEAST_SHARE * self.regularisations[0]
        inverse = 1 / (eigenvalues[kept] + self.regularisations[:, None]) / solver.eigenvalues[-1]
        self.register_buffer("eigenvalues", solver.eigenvalues[kept], persistent=False)
        self.register_buffer("from_signal", solver.from_signal[:, kept], persistent=False)
        self.register_buffer("to_image", solver.to_image[kept], persistent=False)
        self.register_buffer("inverse", inverse, persistent=False)

    def coefficients(self, signal: Float[Tensor, "batch c my mx"]) -> Float[Tensor, "batch modes"]:
        """Returns Uᵀ u."""
        with in_full_precision(signal.device):
            return signal.float().flatten(1) @ self.from_signal

    def explained(self, image: Float[Tensor, "batch 1 ny nx"]) -> Float[Tensor, "batch modes"]:
        """Returns Uᵀ S c, the coefficients of the signal that an image would have."""
        with in_full_precision(image.device):
            return image.float().flatten(1) @ self.to_image.T

    def forward(
        self, coefficients: Float[Tensor, "batch modes"], gains: Tensor | float = 1.0
    ) -> Float[Tensor, "batch filters ny nx"]:
        """Returns the image of each filter.

        Args:
            coefficients: Uᵀ u.
            gains: Factors of the modes, (filter, mode) or one for all.
        """
        return self.mapped(coefficients[:, None] * (self.inverse * gains))

    def mapped(
        self, coefficients: Float[Tensor, "batch filters modes"]
    ) -> Float[Tensor, "batch filters ny nx"]:
        """Returns Sᵀ U times coefficients."""
        with in_full_precision(coefficients.device):
            return (coefficients @ self.to_image).unflatten(-1, self.image_shape)
