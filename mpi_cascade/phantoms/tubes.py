"""A five-tube resolution phantom: held out of training."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import InputError, require_range
from mpi_cascade.phantoms.family import PhantomFamily, direction, place, scale
from mpi_cascade.phantoms.rendering import Strokes


@dataclass(frozen=True, kw_only=True)
class ResolutionTubes(PhantomFamily):
    """Five parallel round-ended tubes whose gaps grow from neighbour to neighbour.

    Args:
        gaps_mm: The four gaps between the tubes in mm, ≥ 0.
        width_mm: Smallest and largest width of the tubes in mm.
        length_mm: Smallest and largest length of the centre lines in mm.
        amplitude: Smallest and largest concentration.

    Raises:
        InputError: If a range is not an ascending pair of allowed values, or a gap is negative.
    """

    gaps_mm: tuple[float, float, float, float] = (0.15, 0.3, 0.45, 0.6)
    width_mm: tuple[float, float] = (0.2, 0.4)
    length_mm: tuple[float, float] = (1.0, 2.5)
    amplitude: tuple[float, float] = (0.6, 1.0)

    def __post_init__(self) -> None:
        """Checks every range."""
        require_range(self, "width_mm", 1e-3, math.inf)
        require_range(self, "length_mm", 0, math.inf)
        require_range(self, "amplitude", 0, math.inf)
        if not all(0 <= gap < math.inf for gap in self.gaps_mm):
            raise InputError(
                f"ResolutionTubes.gaps_mm is {list(self.gaps_mm)}: none may be negative"
            )

    @property
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""
        return 6

    @property
    def largest_extent_m(self) -> float:
        """Diagonal of the largest phantom in m."""
        across = 5 * self.width_mm[1] + sum(self.gaps_mm)
        return 1e-3 * math.hypot(across, self.length_mm[1] + self.width_mm[1])

    def shapes(
        self, uniforms: Float[Tensor, "phantoms uniforms"], field_of_view_m: tuple[float, float]
    ) -> Strokes:
        """Returns tubes at any angle, placed uniformly inside the field of view."""
        width, length, amplitude, angle, *position = uniforms.unbind(1)
        width_m = 1e-3 * scale(width, self.width_mm)[:, None]
        gaps_m = 1e-3 * torch.tensor((0.0, *self.gaps_mm), device=uniforms.device)
        offset_m = gaps_m.cumsum(0) + width_m * torch.arange(5, device=uniforms.device)
        centre = offset_m[..., None] * direction(angle + 0.25)[:, None]
        half = 0.5e-3 * scale(length, self.length_mm)[:, None, None] * direction(angle)[:, None]
        one_each = torch.ones_like(offset_m)
        return place(
            centre - half, centre + half, 0.5 * width_m * one_each, 0.5 * width_m * one_each,
            scale(amplitude, self.amplitude)[:, None] * one_each, one_each > 0,
            torch.stack(position, dim=1), field_of_view_m,
        )  # fmt: skip
