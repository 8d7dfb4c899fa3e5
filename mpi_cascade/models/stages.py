"""What a stage of a cascade may be, beyond a plain network: one that knows the physics."""

from abc import ABC, abstractmethod
from copy import deepcopy

from torch import nn

from mpi_cascade.physics.linear import Images, LinearModel, Signals


class PhysicsStage(nn.Module, ABC):
    """A stage, or a part of one, that is made from the physics of the scan."""

    @abstractmethod
    def use(self, forward_model: LinearModel) -> None:
        """Makes what depends on the physics; called once, before the first signal.

        Args:
            forward_model: The model S that reconstructions believe in, on the grid of the images.
        """


class SignalRefinement(PhysicsStage, ABC):
    """A stage 2 that sees the signal, too: (batch, 1, y, x) and (batch, channel, y, x) enter."""

    @abstractmethod
    def forward(self, image: Images, signal: Signals) -> Images:
        """Returns the final image of a preliminary one and its signal."""


def networks_of_steps(network: nn.Module, num_steps: int, shares_weights: bool) -> nn.ModuleList:
    """Returns the network of every step.

    Args:
        network: That of the first step.
        num_steps: Steps, > 0.
        shares_weights: Whether all are that network, or only start with the same weights.
    """
    others = [network if shares_weights else deepcopy(network) for _ in range(num_steps - 1)]
    return nn.ModuleList([network, *others])
