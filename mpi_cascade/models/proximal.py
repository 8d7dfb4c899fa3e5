"""Stage 2 as a plain alternation: a network denoises, then an exact step goes back to the scan."""

import math

import torch
from torch import nn

from mpi_cascade.checks import Positive, PositiveInt, check_arguments
from mpi_cascade.models.filters import Eigenmodes
from mpi_cascade.models.stages import SignalRefinement, networks_of_steps
from mpi_cascade.physics.linear import Images, LinearModel, Signals

_ROOM = 0.1
"""How far λ may fall while it is learned before the modes that are kept are too few for it."""

_LEAST_SHARE = 1e-2
"""Smallest eigenvalue of a mode that is kept, as a share of that λ."""


class ProximalRefinement(SignalRefinement):
    """Steps c ← network(c), c ← argmin ‖S z − u‖² + λ‖z − c‖² over z, the second in closed form.

    With S Sᵀ = U Λ Uᵀ that image is c + Sᵀ U (Λ + λ)⁻¹ Uᵀ (u − S c): where the scan determines a
    mode it decides, and elsewhere the network does. λ of each step is learned, and all else of
    that step is the scanner's. Modes with eigenvalues below 0.1 % of the first λ, which the scan
    all but leaves to the network, are left out.

    Args:
        network: Network of a step, from an image (batch, 1, y, x) to one of that shape.
        num_steps: Steps, > 0.
        shares_weights: Whether all networks have the same weights, or only start with the same.
        relative_regularisation: λ of every step at the start, relative to the largest eigenvalue
            of S Sᵀ, > 0.

    Raises:
        InputError: If a value is out of its range.

    Source:
        H. K. Aggarwal et al., MoDL, IEEE TMI 38, 2019, doi:10.1109/TMI.2018.2865356, where
        conjugate gradients find what an eigendecomposition gives at once.
    """

    def __init__(
        self,
        network: nn.Module,
        num_steps: PositiveInt = 2,
        shares_weights: bool = False,
        relative_regularisation: Positive = 1e-2,
    ) -> None:
        super().__init__()
        self.num_steps, self.relative_regularisation = num_steps, relative_regularisation
        check_arguments(self)
        self.networks = networks_of_steps(network, num_steps, shares_weights)
        logarithm = math.log(relative_regularisation)
        self.log_regularisations = nn.Parameter(torch.full((num_steps,), logarithm))
        # Some modes are kept whatever λ is.
        least = min(_ROOM * relative_regularisation, 1.0)
        self.modes = Eigenmodes(_LEAST_SHARE * least)

    def use(self, forward_model: LinearModel) -> None:
        """Makes the steps of a forward model."""
        self.modes.use(forward_model)

    def forward(self, image: Images, signal: Signals) -> Images:
        """Returns the final image."""
        eigenvalues, measured = self.modes.eigenvalues, self.modes.coefficients(signal)
        regularisations = self.log_regularisations.exp() * eigenvalues[-1]
        for network, regularisation in zip(self.networks, regularisations, strict=True):
            image = network(image)
            weights = (measured - self.modes.explained(image)) / (eigenvalues + regularisation)
            image = image + self.modes.mapped(weights[:, None])
        return image
