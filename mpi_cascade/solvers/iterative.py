"""What reconstructions that improve an image step by step have in common."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator

from torch import nn

from mpi_cascade.physics.linear import Images, LinearModel, Signals


class IterativeSolver(nn.Module, ABC):
    """A reconstruction in many steps, called like a network: signal in, image out.

    Args:
        forward_model: The model S that the reconstruction believes in.
    """

    def __init__(self, forward_model: LinearModel) -> None:
        super().__init__()
        self.forward_model = forward_model

    def forward(self, signal: Signals) -> Images:
        """Returns the images after the last step.

        Args:
            signal: Signals, (batch, channel, y, x).
        """
        return deque(self.iterates(signal), maxlen=1).pop()

    @abstractmethod
    def iterates(self, signal: Signals) -> Iterator[Images]:
        """Yields the images, ≥ 0, after each step.

        Args:
            signal: Signals, (batch, channel, y, x).
        """
