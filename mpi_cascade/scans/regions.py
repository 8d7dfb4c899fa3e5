"""Regions of a true image: well inside its objects, well outside them, and all that is near."""

from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional

from mpi_cascade.physics.linear import Images

_FLATNESS = 0.9
_TRACE = 0.01


def interior(truth: Images) -> Bool[Tensor, "batch 1 ny nx"]:
    """Returns the pixels inside objects: their 3 × 3 neighbourhood holds tracer, evenly.

    Edges, which anti-aliasing blurs, and slopes of smooth objects don't count: the smallest
    concentration of the neighbourhood is at least 0.9 of its largest.

    Args:
        truth: True concentrations, ≥ 0.
    """
    largest = functional.max_pool2d(truth, 3, stride=1, padding=1)
    smallest = -functional.max_pool2d(-truth, 3, stride=1, padding=1)
    return (smallest >= _FLATNESS * largest) & (largest > _TRACE)


def exterior(truth: Images) -> Bool[Tensor, "batch 1 ny nx"]:
    """Returns the pixels outside objects: no tracer above 0.01 within two pixels.

    Args:
        truth: True concentrations, ≥ 0.
    """
    return functional.max_pool2d(truth, 5, stride=1, padding=2) <= _TRACE


def tracer_and_edges(truth: Images) -> Bool[Tensor, "batch 1 ny nx"]:
    """Returns the pixels with tracer, more than a hundredth of the image's peak, or next to some.

    Args:
        truth: True concentrations, ≥ 0.
    """
    peak = truth.amax(dim=(2, 3), keepdim=True)
    is_near = functional.max_pool2d(truth, 3, stride=1, padding=1) > _TRACE * peak
    return is_near & (peak > 0)
