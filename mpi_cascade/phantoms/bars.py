"""Bar phantoms: parallel bars and single capsules."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import require_range
from mpi_cascade.phantoms.family import PhantomFamily, direction, integer, place, scale
from mpi_cascade.phantoms.rendering import Strokes


@dataclass(frozen=True, kw_only=True)
class Bars(PhantomFamily):
    """Parallel bars of one width, gap and length, with flat or round ends, at any angle.

    Args:
        num_bars: Fewest and most bars; a single one with round ends is a capsule.
        width_mm: Smallest and largest width in mm.
        gap_mm: Smallest and largest gap between neighbours in mm.
        length_mm: Smallest and largest length of the centre line in mm.
        amplitude: Smallest and largest concentration, one per phantom.

    Raises:
        InputError: If a range is not an ascending pair of allowed values.
    """

    num_bars: tuple[int, int] = (1, 4)
    width_mm: tuple[float, float] = (0.2, 0.6)
    gap_mm: tuple[float, float] = (0.1, 0.8)
    length_mm: tuple[float, float] = (0.3, 2.5)
    amplitude: tuple[float, float] = (0.4, 1.0)

    def __post_init__(self) -> None:
        """Checks every range."""
        require_range(self, "num_bars", 1, 64)
        require_range(self, "width_mm", 1e-3, math.inf)
        require_range(self, "gap_mm", 0, math.inf)
        require_range(self, "length_mm", 0, math.inf)
        require_range(self, "amplitude", 0, math.inf)

    @property
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""
        return 9

    @property
    def largest_extent_m(self) -> float:
        """Diagonal of the largest block of bars in m."""
        most, width, gap = self.num_bars[1], self.width_mm[1], self.gap_mm[1]
        return 1e-3 * math.hypot(most * width + (most - 1) * gap, self.length_mm[1] + width)

    def shapes(
        self, uniforms: Float[Tensor, "phantoms uniforms"], field_of_view_m: tuple[float, float]
    ) -> Strokes:
        """Returns bars placed uniformly inside the field of view."""
        count, width, gap, length, amplitude, angle, ends, *position = uniforms.unbind(1)
        num_bars = integer(count, self.num_bars)
        width_m = 1e-3 * scale(width, self.width_mm)
        pitch_m = width_m + 1e-3 * scale(gap, self.gap_mm)
        along = direction(angle)[:, None]
        across = direction(angle + 0.25)[:, None]
        bar = torch.arange(self.num_bars[1], device=uniforms.device)
        centre = (bar * pitch_m[:, None])[..., None] * across
        half = 0.5e-3 * scale(length, self.length_mm)[:, None, None] * along
        radius = (0.5 * width_m)[:, None].expand(-1, len(bar))
        return place(
            centre - half, centre + half, radius, radius,
            scale(amplitude, self.amplitude)[:, None].expand_as(radius),
            bar < num_bars[:, None], torch.stack(position, dim=1), field_of_view_m,
            is_flat=ends < 0.5,
        )  # fmt: skip
