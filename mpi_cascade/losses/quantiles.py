"""The loss of an interval: what makes its ends quantiles."""

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.physics.linear import Images

LEVELS = (0.05, 0.95)
"""The quantiles of the true concentration that the ends of an interval are."""


def pinball(ends: tuple[Images, Images], truth: Images) -> Float[Tensor, ""]:
    """Returns the mean over pixels of the pinball losses of the 5 and the 95 % quantile.

    Args:
        ends: Lower and upper end, (batch, 1, y, x).
        truth: True concentrations.

    Source:
        R. Koenker, G. Bassett, Regression quantiles, Econometrica 46, 1978, doi:10.2307/1913643.
    """
    losses = []
    for level, end in zip(LEVELS, ends, strict=True):
        error = truth - end
        losses.append(torch.maximum(level * error, (level - 1) * error).mean())
    return torch.stack(losses).sum()
