"""The cascade: signal → preliminary image → final image.

Must not know of losses, training or Lightning.
"""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn


class Reconstruction(NamedTuple):
    """Both images of a cascade.

    Attributes:
        preliminary: What stage 1 makes of the signal, (batch, 1, y, x).
        final: What stage 2 makes of the preliminary image, (batch, 1, y, x).
    """

    preliminary: Float[Tensor, "batch 1 ny nx"]
    final: Float[Tensor, "batch 1 ny nx"]


class Cascade(nn.Module):
    """Two networks in a row, each with a task of its own.

    Args:
        preliminary: Stage 1, from the signal (batch, channel, y, x) to an image (batch, 1, y, x).
        refinement: Stage 2, from that image to the final one of the same shape.

    Source:
        M. Zhao et al., Image reconstruction based on a cascaded neural network for magnetic
        particle imaging, 2026, section II.
    """

    def __init__(self, preliminary: nn.Module, refinement: nn.Module) -> None:
        super().__init__()
        self.preliminary = preliminary
        self.refinement = refinement

    def forward(self, signal: Float[Tensor, "batch c my mx"]) -> Reconstruction:
        """Returns the preliminary and the final image.

        Args:
            signal: Voltage vector of the scan, as (batch, channel, y, x) on the FFP grid.
        """
        preliminary = self.preliminary(signal)
        return Reconstruction(preliminary, self.refinement(preliminary))
