"""How uncertain each pixel is: a network that gives an interval beside the final image."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mpi_cascade.models.conditions import Condition
from mpi_cascade.physics.linear import Images, Signals

_SHARPNESS = 50.0
"""Of the softplus that keeps the ends on their sides, per unit of the image's peak."""


class Interval(NamedTuple):
    """An interval of the concentration at each pixel.

    Attributes:
        lower: Its lower end, (batch, 1, y, x).
        upper: Its upper end, (batch, 1, y, x).
    """

    lower: Images
    upper: Images

    def scaled(self, image: Images, factors: Float[Tensor, " batch"]) -> "Interval":
        """Returns the interval with both distances from the image multiplied.

        Args:
            image: The final image, (batch, 1, y, x), that lies in it.
            factors: One for each scan.
        """
        by = factors[:, None, None, None]
        return Interval(image - by * (image - self.lower), image + by * (self.upper - image))


class IntervalHead(nn.Module):
    """Gives the 5 and the 95 % quantile of the concentration beside an image that stays as it is.

    The network corrects the final image twice, once to each quantile. Neither crosses the image:
    softplus takes the place of a distance's negative part. It is trained by the pinball loss, and
    nothing that it learns reaches the cascade.

    Args:
        network: From (batch, 3 + conditions' numbers, y, x), the final image twice and the
            preliminary one, to (batch, 2, y, x), such as a ``ResidualUNet`` of ``num_corrected`` 2.
        conditions: What it is told of the scanner and the scan.
    """

    def __init__(self, network: nn.Module, conditions: Sequence[Condition] = ()) -> None:
        super().__init__()
        self.network = network
        self.conditions = nn.ModuleList(conditions)

    def forward(
        self, preliminary: Images, final: Images, signal: Signals
    ) -> Float[Tensor, "batch 2 ny nx"]:
        """Returns the lower and the upper end.

        Args:
            preliminary: What stage 1 made.
            final: What stage 2 made of it.
            signal: The scan.
        """
        told = [
            condition(signal)[:, :, None, None].expand(-1, -1, *final.shape[-2:])
            for condition in self.conditions
        ]
        raw = self.network(torch.cat((final, final, preliminary, *told), dim=1))
        below = functional.softplus(final - raw[:, :1], beta=_SHARPNESS)
        above = functional.softplus(raw[:, 1:] - final, beta=_SHARPNESS)
        return torch.cat((final - below, final + above), dim=1)
