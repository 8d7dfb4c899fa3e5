"""Stage 2 with the scan in sight: networks that are told what their image doesn't explain."""

import torch
from torch import nn
from torch.nn import functional

from mpi_cascade.checks import NonNegativeInt, PositiveInt, check_arguments
from mpi_cascade.models.filters import Regularisations, TikhonovFilters
from mpi_cascade.models.stages import SignalRefinement, networks_of_steps
from mpi_cascade.physics.linear import Images, LinearModel, Signals


class DataConsistentRefinement(SignalRefinement):
    """Steps c ← network(c, filtered residuals), each with a look at the scan.

    The residual u − S c of the image so far is mapped back by several Tikhonov filters, from sharp
    but noisy to smooth: Sᵀ U (Λ + λₖ)⁻¹ Uᵀ (u − S c), with S Sᵀ = U Λ Uᵀ. They enter the network as
    channels beside the image. The filters have no weights: they are the scanner's.

    With memory, a network returns further channels beside its image. They mean nothing but what the
    next network, which they enter, makes of them; the first one is given zeros.

    Args:
        network: Network of a step, from the image, memory and filters (batch,
            1 + num_memory + num_looks · num_filters, y, x) to the image and memory (batch,
            1 + num_memory, y, x), such as a ``ResidualUNet`` with as many ``num_channels`` and
            ``num_corrected``.
        num_steps: Steps, > 0.
        shares_weights: Whether all steps have the same weights, or only start with the same.
        num_filters: Filters, > 0.
        relative_regularisation: Smallest and largest λ, relative to the largest eigenvalue of
            S Sᵀ, ≥ 1e-12.
        num_memory: Channels of memory, ≥ 0.
        num_looks: Of how many steps a network is given the filtered residuals, > 0: of its own and,
            behind them, of those before, the last one first, with zeros where there was none.

    Raises:
        InputError: If a value is out of its range.

    Source:
        H. K. Aggarwal et al., MoDL, IEEE TMI 38, 2019, doi:10.1109/TMI.2018.2865356, for networks
        between steps that look at the data; J. Adler and O. Öktem, IEEE TMI 37, 2018,
        doi:10.1109/TMI.2018.2799231, for memory; Y. Chen et al., Entropy 27, 2025,
        doi:10.3390/e27090929 (DeMUN), for the looks of all steps.
    """

    def __init__(
        self,
        network: nn.Module,
        num_steps: PositiveInt = 1,
        shares_weights: bool = False,
        num_filters: PositiveInt = 4,
        relative_regularisation: Regularisations = (
            1e-6,
            1e-2,
        ),
        num_memory: NonNegativeInt = 0,
        num_looks: PositiveInt = 1,
    ) -> None:
        super().__init__()
        self.num_steps, self.num_filters = num_steps, num_filters
        self.num_memory, self.num_looks = num_memory, num_looks
        self.relative_regularisation = relative_regularisation
        check_arguments(self)
        self.networks = networks_of_steps(network, num_steps, shares_weights)
        self.filters = TikhonovFilters(num_filters, relative_regularisation)

    def use(self, forward_model: LinearModel) -> None:
        """Makes the filters of a forward model."""
        self.filters.use(forward_model)

    def forward(self, image: Images, signal: Signals) -> Images:
        """Returns the final image."""
        measured = self.filters.coefficients(signal)
        # The image and, behind it, the memory.
        carried = functional.pad(image, (0, 0, 0, 0, 0, self.num_memory))
        looks = [
            image.new_zeros(image.shape[0], self.num_filters, *image.shape[2:])
        ] * self.num_looks
        for network in self.networks:
            residual = measured - self.filters.explained(carried[:, :1])
            looks = [self.filters(residual), *looks[:-1]]
            carried = network(torch.cat((carried, *looks), dim=1))
        # Channels too many are left to whoever checks the image's shape.
        return carried[:, : carried.shape[1] - self.num_memory]
