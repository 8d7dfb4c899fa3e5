"""Bar phantoms: parallel bars and single capsules."""

import math
from dataclasses import dataclass
from typing import Annotated

from mpi_cascade.checks import ascending
from mpi_cascade.devices import counted
from mpi_cascade.phantoms.family import PhantomFamily, Size, Span, Uniforms
from mpi_cascade.phantoms.placing import direction, integer, place, scale
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

    num_bars: Annotated[tuple[int, int], ascending(1, 64)] = (1, 4)
    width_mm: Size = (0.2, 0.6)
    gap_mm: Span = (0.1, 0.8)
    length_mm: Span = (0.3, 2.5)
    amplitude: Span = (0.4, 1.0)

    num_uniforms = 9

    @property
    def largest_extent_m(self) -> float:
        """Diagonal of the largest block of bars in m."""
        most, width, gap = self.num_bars[1], self.width_mm[1], self.gap_mm[1]
        return 1e-3 * math.hypot(most * width + (most - 1) * gap, self.length_mm[1] + width)

    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Strokes:
        """Returns bars placed uniformly inside the field of view."""
        count, width, gap, length, amplitude, angle, ends, *position = uniforms.split(1, dim=1)
        width_m = 1e-3 * scale(width, self.width_mm)
        pitch_m = width_m + 1e-3 * scale(gap, self.gap_mm)
        bar = counted(self.num_bars[1], uniforms.device)
        centre = (bar * pitch_m)[..., None] * direction(angle + 0.25)
        half = 0.5e-3 * scale(length, self.length_mm)[..., None] * direction(angle)
        return place(
            centre - half, centre + half, 0.5 * width_m, scale(amplitude, self.amplitude),
            position, field_of_view_m,
            is_present=bar < integer(count, self.num_bars), is_flat=ends < 0.5,
        )  # fmt: skip
