"""What a family of phantoms is, and what families share: from uniform numbers to placed strokes."""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.phantoms.rendering import Blobs, Strokes


class PhantomFamily(ABC):
    """A family of phantoms, each a pure function of ``num_uniforms`` random numbers."""

    @property
    @abstractmethod
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""

    @property
    @abstractmethod
    def largest_extent_m(self) -> float:
        """Upper bound of a phantom's extent along any direction in m."""

    @abstractmethod
    def shapes(
        self, uniforms: Float[Tensor, "phantoms uniforms"], field_of_view_m: tuple[float, float]
    ) -> Strokes | Blobs:
        """Returns one phantom per row of ``uniforms``, inside the field of view (y, x) in m."""


def scale(uniform: Tensor, bounds: tuple[float, float]) -> Tensor:
    """Returns numbers uniform between both bounds, from numbers uniform in (0, 1)."""
    return bounds[0] + (bounds[1] - bounds[0]) * uniform


def integer(uniform: Tensor, bounds: tuple[int, int]) -> Tensor:
    """Returns integers, each of ``bounds`` and between equally likely."""
    return (bounds[0] + (uniform * (bounds[1] - bounds[0] + 1)).floor()).long().clamp_max(bounds[1])


def direction(turns: Tensor) -> Tensor:
    """Returns unit vectors (…, 2) at angles given in turns."""
    angle = 2 * math.pi * turns
    return torch.stack((torch.cos(angle), torch.sin(angle)), dim=-1)


def place(
    start: Float[Tensor, "phantoms strokes 2"],
    end: Float[Tensor, "phantoms strokes 2"],
    start_radius: Float[Tensor, "phantoms strokes"],
    end_radius: Float[Tensor, "phantoms strokes"],
    amplitude: Float[Tensor, "phantoms strokes"],
    is_present: Tensor,
    position: Float[Tensor, "phantoms 2"],
    field_of_view_m: tuple[float, float],
    is_flat: Tensor | None = None,
) -> Strokes:
    """Returns the present strokes, moved so that their bounding box lies inside the field of view.

    ``position`` (x, y) in 0 … 1 chooses uniformly among the places that the box can take.
    """
    radius = torch.maximum(start_radius, end_radius)[..., None]
    absent = ~is_present[..., None]
    lower = (torch.minimum(start, end) - radius).masked_fill(absent, math.inf).amin(dim=1)
    upper = (torch.maximum(start, end) + radius).masked_fill(absent, -math.inf).amax(dim=1)
    size = start.new_tensor(field_of_view_m[::-1])
    corner = position * (size - (upper - lower)).clamp_min(0) - size / 2
    shift = (corner - lower)[:, None]
    flat = torch.zeros_like(absent[:, :1, 0]) if is_flat is None else is_flat[:, None]
    present = torch.nonzero(is_present, as_tuple=True)
    return Strokes(
        sample=present[0],
        start=(start + shift)[present],
        end=(end + shift)[present],
        start_radius=start_radius[present],
        end_radius=end_radius[present],
        amplitude=amplitude[present],
        is_flat=flat.expand_as(is_present)[present],
    )
