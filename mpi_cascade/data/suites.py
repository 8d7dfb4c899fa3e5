"""Fixed evaluation suites: phantoms with a known answer, never used in training.

Must not know of scanners, signals or metrics.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import InputError, require_positive
from mpi_cascade.data.rendering import Blobs, Strokes
from mpi_cascade.randomness import RandomStreams


class Pairs(NamedTuple):
    """Where two equal discs lie in each image of a batch.

    Attributes:
        centre_m: Middle (x, y) between the discs in m, (batch, 2).
        direction: Unit vector (x, y) from the first to the second disc, (batch, 2).
        diameter_m: Diameter of each disc in m, (batch,).
        gap_m: Gap between the discs' facing edges in m, (batch,).
    """

    centre_m: Float[Tensor, "batch 2"]
    direction: Float[Tensor, "batch 2"]
    diameter_m: Float[Tensor, " batch"]
    gap_m: Float[Tensor, " batch"]


@dataclass(frozen=True, kw_only=True)
class TwoPoints:
    """Pairs of equal discs of concentration 1 along x, at random sub-pixel positions.

    Sample i has gap number i // cases_per_gap.

    Args:
        gaps_mm: Gaps between the facing edges in mm, ≥ 0.
        diameter_mm: Diameter of each disc in mm, > 0.
        cases_per_gap: Pairs of each gap, > 0.

    Raises:
        InputError: If a value is out of its range.
    """

    gaps_mm: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    diameter_mm: float = 0.4
    cases_per_gap: int = 256

    def __post_init__(self) -> None:
        """Checks every value."""
        require_positive(self, "diameter_mm", "cases_per_gap")
        if not self.gaps_mm or not all(0 <= gap < math.inf for gap in self.gaps_mm):
            raise InputError(
                f"TwoPoints.gaps_mm is {list(self.gaps_mm)}: name one or more gaps, none negative"
            )

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.gaps_mm) * self.cases_per_gap

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if the widest pair doesn't fit the field of view (y, x) in m."""
        extent_m = 1e-3 * (2 * self.diameter_mm + max(self.gaps_mm))
        if extent_m > min(field_of_view_m):
            raise InputError(
                f"the two points of the evaluation are {1e3 * extent_m:.2f} mm wide, the field of "
                f"view has {1e3 * min(field_of_view_m):.2f} mm: make gaps_mm or diameter_mm "
                "smaller or the field of view larger"
            )

    def pairs(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Pairs:
        """Returns the geometry of each sample, with both discs inside the field of view."""
        gaps_m = 1e-3 * torch.tensor(self.gaps_mm, device=streams.indices.device)
        gap_m = gaps_m[streams.indices // self.cases_per_gap]
        diameter_m = torch.full_like(gap_m, 1e-3 * self.diameter_mm)
        extent_m = torch.stack((2 * diameter_m + gap_m, diameter_m), dim=1)
        room_m = gap_m.new_tensor(field_of_view_m[::-1]) - extent_m
        direction = torch.zeros_like(extent_m)
        direction[:, 0] = 1
        return Pairs(
            centre_m=(streams.uniform("position", (2,)) - 0.5) * room_m,
            direction=direction,
            diameter_m=diameter_m,
            gap_m=gap_m,
        )


def pair_shapes(pairs: Pairs) -> list[Strokes | Blobs]:
    """Returns the discs of each pair, concentration 1."""
    half_spacing_m = 0.5 * (pairs.gap_m + pairs.diameter_m)[:, None]
    offset_m = half_spacing_m * pairs.direction
    centre_m = torch.cat((pairs.centre_m - offset_m, pairs.centre_m + offset_m))
    radius_m = 0.5 * pairs.diameter_m.repeat(2)
    return [
        Strokes(
            sample=torch.arange(len(pairs.gap_m), device=centre_m.device).repeat(2),
            start=centre_m,
            end=centre_m,
            start_radius=radius_m,
            end_radius=radius_m,
            amplitude=torch.ones_like(radius_m),
            is_flat=torch.zeros_like(radius_m, dtype=torch.bool),
        )
    ]
