"""Rings: held out of training, to see what a network makes of shapes that it was never shown."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import require_range
from mpi_cascade.phantoms.family import PhantomFamily, direction, place, scale
from mpi_cascade.phantoms.rendering import Strokes


@dataclass(frozen=True, kw_only=True)
class Rings(PhantomFamily):
    """Single rings.

    Args:
        diameter_mm: Smallest and largest diameter of the centre line in mm.
        width_mm: Smallest and largest width of the line in mm.
        amplitude: Smallest and largest concentration.

    Raises:
        InputError: If a range is not an ascending pair of allowed values.
    """

    diameter_mm: tuple[float, float] = (0.8, 2.5)
    width_mm: tuple[float, float] = (0.2, 0.5)
    amplitude: tuple[float, float] = (0.4, 1.0)

    _SEGMENTS = 32

    def __post_init__(self) -> None:
        """Checks every range."""
        require_range(self, "diameter_mm", 1e-3, math.inf)
        require_range(self, "width_mm", 1e-3, math.inf)
        require_range(self, "amplitude", 0, math.inf)

    @property
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""
        return 5

    @property
    def largest_extent_m(self) -> float:
        """Outer diameter of the largest ring in m."""
        return 1e-3 * (self.diameter_mm[1] + self.width_mm[1])

    def shapes(
        self, uniforms: Float[Tensor, "phantoms uniforms"], field_of_view_m: tuple[float, float]
    ) -> Strokes:
        """Returns rings, as polygons of short strokes, placed uniformly in the field of view."""
        diameter, width, amplitude, *position = uniforms.unbind(1)
        turns = torch.linspace(0, 1, self._SEGMENTS + 1, device=uniforms.device)
        nodes = 0.5e-3 * scale(diameter, self.diameter_mm)[:, None, None] * direction(turns)
        one_each = torch.ones(len(uniforms), self._SEGMENTS, device=uniforms.device)
        radius = 0.5e-3 * scale(width, self.width_mm)[:, None] * one_each
        return place(
            nodes[:, :-1], nodes[:, 1:], radius, radius,
            scale(amplitude, self.amplitude)[:, None] * one_each, one_each > 0,
            torch.stack(position, dim=1), field_of_view_m,
        )  # fmt: skip
