"""Mirror images: a scanner with a uniform gradient scans them as mirrored scans."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.physics.linear import LinearModel

_TOLERANCE = 1e-4
"""Of the largest signal: what a few roundings of float32 add up to is far less."""


class Mirror(NamedTuple):
    """A reflection that a scanner's physics doesn't notice: S(mirrored c) = ± mirrored (S c).

    Attributes:
        axes: The axes of images and signals that are reversed.
        signs: 1 or −1 for each channel of the signal, (channel, 1, 1).
    """

    axes: tuple[int, ...]
    signs: Float[Tensor, "c 1 1"]

    def signal(self, signal: Tensor) -> Tensor:
        """Returns the signal of the mirrored tracer, (batch, channel, y, x)."""
        return self.signs.to(signal) * signal.flip(self.axes)

    def image(self, image: Tensor) -> Tensor:
        """Returns the mirrored image, (batch, 1, y, x)."""
        return image.flip(self.axes)


@torch.no_grad()
def mirrors_of(forward_model: LinearModel) -> list[Mirror]:
    """Returns the mirrors of a model along x, y and both; of a measured matrix there are none.

    Args:
        forward_model: The model.
    """
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, *forward_model.image_shape, generator=generator)
    image = image.to(forward_model.device)
    signal = forward_model(image)
    found = []
    for axes in ((3,), (2,), (2, 3)):
        mirrored, expected = forward_model(image.flip(axes)), signal.flip(axes)
        signs = (mirrored * expected).sum(dim=(0, 2, 3)).sign()[:, None, None]
        is_long = all(signal.shape[axis] > 1 for axis in axes)
        if is_long and (mirrored - signs * expected).abs().max() < _TOLERANCE * signal.abs().max():
            found.append(Mirror(axes, signs))
    return found
