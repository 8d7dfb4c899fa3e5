"""Stage 2 for any scanner: networks that are told the scanner and the noise, and hold neither."""

from collections.abc import Sequence

import torch
from torch import nn

from mpi_cascade.checks import PositiveInt, check_arguments
from mpi_cascade.models.conditions import Condition
from mpi_cascade.models.filters import NoiseFilters, Regularisations
from mpi_cascade.models.stages import SignalRefinement, networks_of_steps
from mpi_cascade.physics.linear import Images, LinearModel, Signals

_USUAL_LEVEL, _USUAL_SHARE = 1e-4, 1e-1
"""σ²/τ² of the reference scanner at 30 dB, and degrees of freedom per pixel: numbers of 0."""

_LEAST_SHARE = 1e-4


class ConditionedRefinement(SignalRefinement):
    """Steps c ← network(c, filtered residuals; numbers), for weights that hold no scanner.

    As in a ``DataConsistentRefinement`` the residual u − S c of the image so far is mapped back by
    several Tikhonov filters. Here their λ follow the noise of each scan, so that they mean the same
    on every scanner and at every noise. Beside them the networks are told numbers: what the
    conditions say, and the logarithms of σ²/τ², the noise over the image as ``NoiseFilters`` has
    it, and of the degrees of freedom per pixel that each filter passes, Σ Λ/(Λ + λₖ).

    Args:
        network: Network of a step, from the image and filters (batch, 1 + num_filters, y, x) and
            the numbers (batch, 1 + num_filters + conditions' numbers) to the image (batch, 1, y,
            x), such as a ``ResidualUNet`` with as many ``num_channels`` and ``num_told``.
        num_steps: Steps, > 0.
        shares_weights: Whether all steps have the same weights, or only start with the same.
        num_filters: Filters, > 0.
        noise_factors: Smallest and largest λ, in units of the noise's variance over the image's,
            ≥ 1e-12.
        conditions: What else the networks are told of the scanner and the scan.

    Raises:
        InputError: If a value is out of its range, or (when given a scanner) if its scans have too
            few FFP positions to tell noise from signal.
    """

    def __init__(
        self,
        network: nn.Module,
        num_steps: PositiveInt = 2,
        shares_weights: bool = False,
        num_filters: PositiveInt = 4,
        noise_factors: Regularisations = (10**-1.5, 100.0),
        conditions: Sequence[Condition] = (),
    ) -> None:
        super().__init__()
        self.num_steps, self.num_filters, self.noise_factors = num_steps, num_filters, noise_factors
        check_arguments(self)
        self.networks = networks_of_steps(network, num_steps, shares_weights)
        self.filters = NoiseFilters(num_filters, noise_factors)
        self.conditions = nn.ModuleList(conditions)

    def use(self, forward_model: LinearModel) -> None:
        """Makes the filters of a forward model."""
        self.filters.use(forward_model)

    def forward(self, image: Images, signal: Signals) -> Images:
        """Returns the final image."""
        measured, level = self.filters.coefficients(signal), self.filters.noise_level(signal)
        inverse = self.filters.inverse(level)
        passed = (self.filters.eigenvalues * inverse).sum(dim=-1) / image[0].numel()
        told = (
            *(condition(signal) for condition in self.conditions),
            (level / _USUAL_LEVEL).log10()[:, None] / 2,
            ((passed + _LEAST_SHARE) / _USUAL_SHARE).log10(),
        )
        numbers = torch.cat(told, dim=1)
        for network in self.networks:
            residual = measured - self.filters.explained(image)
            filtered = self.filters.mapped(residual[:, None] * inverse)
            image = network(torch.cat((image, filtered), dim=1), numbers)
        return image
