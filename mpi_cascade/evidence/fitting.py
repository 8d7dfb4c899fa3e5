"""Least squares of many scans at once: objects of few numbers, by Levenberg and Marquardt."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.evidence.objects import Numbers, Objects

_FIRST_DAMPING = 1e-2
_LEAST_DAMPING = 1e-6
_EASIER, _HARDER = 0.2, 8.0


class Fits(NamedTuple):
    """The best objects that were found.

    Attributes:
        numbers: Their numbers, (batch, numbers).
        misfit: Squared distance of their signals and those of the scans in σ², (batch,).
    """

    numbers: Numbers
    misfit: Float[Tensor, " batch"]


def fit(
    objects: Objects,
    to_signal: Float[Tensor, "pixels modes"],
    signal: Float[Tensor, "batch modes"],
    start: Numbers,
    num_iterations: int,
) -> Fits:
    """Returns the objects whose signals are nearest to those of scans, in the units of σ.

    Args:
        objects: The family.
        to_signal: From pixels of the window to signals, in σ.
        signal: Signals of the scans.
        start: Where each search begins.
        num_iterations: Steps of a search.

    Source:
        D. W. Marquardt, J. SIAM 11, 1963, doi:10.1137/0111030.
    """

    def made(numbers: Tensor) -> Tensor:
        return objects.draw(numbers) @ to_signal

    numbers = objects.allowed(start)
    steps = objects.steps(float(start.abs().amax(dim=0)[objects.amount]))
    model = made(numbers)
    misfit = (signal - model).square().sum(dim=1)
    damping = torch.full_like(misfit, _FIRST_DAMPING)
    num = len(steps)
    for _ in range(num_iterations):
        moved = made((numbers[:, None] + torch.diag(steps)).flatten(0, 1))
        slopes = moved.reshape(len(numbers), num, -1) - model[:, None]
        normal = slopes @ slopes.mT
        diagonal = normal.diagonal(dim1=1, dim2=2)
        least = 1e-6 * diagonal.amax(dim=1, keepdim=True) + 1e-12
        normal = normal + torch.diag_embed(damping[:, None] * diagonal + least)
        gradient = (slopes @ (signal - model)[:, :, None])[..., 0]
        change = steps * torch.linalg.solve(normal, gradient)
        tried = objects.allowed(numbers + change)
        tried_model = made(tried)
        tried_misfit = (signal - tried_model).square().sum(dim=1)
        is_better = tried_misfit < misfit
        numbers = torch.where(is_better[:, None], tried, numbers)
        model = torch.where(is_better[:, None], tried_model, model)
        misfit = torch.where(is_better, tried_misfit, misfit)
        factor = torch.where(is_better, _EASIER, _HARDER)
        damping = (damping * factor).clamp_min(_LEAST_DAMPING)
    return Fits(numbers, misfit)
