"""Point phantoms: pairs and clusters of discs."""

from dataclasses import dataclass
from typing import Annotated

import torch

from mpi_cascade.checks import ascending
from mpi_cascade.devices import counted
from mpi_cascade.phantoms.family import PhantomFamily, Size, Span, Uniforms
from mpi_cascade.phantoms.placing import direction, integer, place, scale
from mpi_cascade.phantoms.rendering import Strokes


@dataclass(frozen=True, kw_only=True)
class Points(PhantomFamily):
    """Discs of one phantom in a chain, each a gap away from the one before, in any direction.

    Two discs are the pair of the paper's Figure 1; more are a cluster.

    Args:
        num_points: Fewest and most discs.
        diameter_mm: Smallest and largest diameter in mm, drawn for every disc.
        gap_mm: Smallest and largest gap between the facing edges of neighbours in mm.
        amplitude: Smallest and largest concentration, drawn for every disc.

    Raises:
        InputError: If a range is not an ascending pair of allowed values.
    """

    num_points: Annotated[tuple[int, int], ascending(1, 64)] = (2, 2)
    diameter_mm: Size = (0.2, 0.8)
    gap_mm: Span = (0.0, 1.0)
    amplitude: Span = (0.4, 1.0)

    @property
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""
        return 4 + 4 * self.num_points[1]

    @property
    def largest_extent_m(self) -> float:
        """Length of the longest straight chain in m."""
        most = self.num_points[1]
        return 1e-3 * (most * self.diameter_mm[1] + (most - 1) * self.gap_mm[1])

    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Strokes:
        """Returns discs placed uniformly inside the field of view."""
        most = self.num_points[1]
        count, equal, *position = uniforms[:, :4].split(1, dim=1)
        diameter, gap, angle, amplitude = uniforms[:, 4:].reshape(-1, 4, most).unbind(1)
        # Every second phantom has discs of one diameter, as resolution phantoms do.
        diameter = torch.where(equal < 0.5, diameter[:, :1], diameter)
        radius = 0.5e-3 * scale(diameter, self.diameter_mm)
        neighbour = torch.cat((radius[:, :1], radius[:, :-1]), dim=1)
        step = radius + neighbour + 1e-3 * scale(gap, self.gap_mm)
        step[:, 0] = 0
        centre = (step[..., None] * direction(angle)).cumsum(dim=1)
        return place(
            centre, centre, radius, scale(amplitude, self.amplitude), position, field_of_view_m,
            is_present=counted(most, centre.device) < integer(count, self.num_points),
        )  # fmt: skip
