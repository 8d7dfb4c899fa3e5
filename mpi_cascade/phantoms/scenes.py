"""Scenes: what is scanned. Those with a known answer are here, never used in training."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import Checked, Fraction, InputError, Positive, PositiveInt, ascending
from mpi_cascade.phantoms.family import GAPS
from mpi_cascade.phantoms.rendering import Blobs, Strokes
from mpi_cascade.randomness import RandomStreams


class PairGeometry(NamedTuple):
    """Where two equal discs lie in each image of a batch; a single disc has a gap of −diameter.

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

    def cases(self, chosen: Tensor | slice) -> "PairGeometry":
        """Returns the chosen cases of the batch."""
        return PairGeometry(*(column[chosen] for column in self))


class Drawing(NamedTuple):
    """The shapes of a batch of phantoms.

    Attributes:
        shapes: The shapes of all samples.
        pairs: Where the two points lie, or the outline of a control; None for other phantoms.
    """

    shapes: list[Strokes | Blobs]
    pairs: PairGeometry | None


class Scene(Checked, ABC):
    """What is scanned: one phantom per sample, a pure function of the sample's random numbers."""

    @abstractmethod
    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if a phantom may be larger than the field of view (y, x) in m."""

    @abstractmethod
    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns one phantom per sample of ``streams``, inside the field of view (y, x) in m."""


@dataclass(frozen=True, kw_only=True)
class TwoPoints(Scene):
    """Pairs of discs of one diameter at random sub-pixel positions; the first has concentration 1.

    Sample i has gap number i // cases_per_gap.

    Args:
        gaps_mm: Gaps between the facing edges in mm, ≥ 0.
        diameter_mm: Diameter of each disc in mm, > 0.
        cases_per_gap: Pairs of each gap, > 0.
        angles_deg: Smallest and largest angle of the pair against x in degrees, uniform between.
        second_concentration: Concentration of the second disc, 0 … 1.

    Raises:
        InputError: If a value is out of its range.
    """

    gaps_mm: Annotated[tuple[float, ...], GAPS] = (0.1, 0.2, 0.3, 0.5)
    diameter_mm: Positive = 0.4
    cases_per_gap: PositiveInt = 256
    angles_deg: Annotated[tuple[float, float], ascending()] = (0.0, 0.0)
    second_concentration: Fraction = 1.0

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

    def pairs(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> PairGeometry:
        """Returns the geometry of each sample, with both discs inside the field of view."""
        gaps_m = 1e-3 * torch.tensor(self.gaps_mm, device=streams.indices.device)
        gap_m = gaps_m[streams.indices // self.cases_per_gap]
        diameter_m = torch.full_like(gap_m, 1e-3 * self.diameter_mm)
        first_deg, last_deg = self.angles_deg
        angle = torch.deg2rad(first_deg + (last_deg - first_deg) * streams.uniform("pair angle"))
        direction = torch.stack((torch.cos(angle), torch.sin(angle)), dim=1)
        extent_m = (diameter_m + gap_m)[:, None] * direction.abs() + diameter_m[:, None]
        room_m = gap_m.new_tensor(field_of_view_m[::-1]) - extent_m
        return PairGeometry(
            centre_m=(streams.uniform("position", (2,)) - 0.5) * room_m,
            direction=direction,
            diameter_m=diameter_m,
            gap_m=gap_m,
        )

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns the discs of each pair."""
        pairs = self.pairs(streams, field_of_view_m)
        return Drawing(pair_shapes(pairs, self.second_concentration), pairs)


@dataclass(frozen=True, kw_only=True)
class Capsules(Scene):
    """The control of a two-point suite: single capsules with the outlines of its pairs.

    Args:
        outlines: The suite; a capsule spans both discs of its pair.
    """

    outlines: TwoPoints

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if the longest capsule doesn't fit the field of view."""
        self.outlines.check_fits(field_of_view_m)

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns one capsule per sample, concentration 1."""
        pairs = self.outlines.pairs(streams, field_of_view_m)
        return Drawing(capsule_shapes(pairs), pairs)


@dataclass(frozen=True, kw_only=True)
class SingleDiscs(Scene):
    """Single discs of concentration 1 at random sub-pixel positions.

    Args:
        diameter_mm: Diameter in mm, > 0.

    Raises:
        InputError: If the diameter is not positive.
    """

    diameter_mm: Positive = 0.4

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if a disc doesn't fit the field of view (y, x) in m."""
        if 1e-3 * self.diameter_mm > min(field_of_view_m):
            raise InputError(
                f"the discs of the evaluation are {self.diameter_mm} mm wide, the field of view "
                f"has {1e3 * min(field_of_view_m):.2f} mm: make the field of view larger"
            )

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns one disc per sample."""
        centre = streams.uniform("position", (2,)) - 0.5
        diameter_m = torch.full_like(centre[:, 0], 1e-3 * self.diameter_mm)
        room_m = centre.new_tensor(field_of_view_m[::-1]) - 1e-3 * self.diameter_mm
        along_x = centre.new_tensor((1.0, 0.0)).expand_as(centre)
        pairs = PairGeometry(centre * room_m, along_x, diameter_m, -diameter_m)
        return Drawing(capsule_shapes(pairs), pairs)


def pair_shapes(pairs: PairGeometry, second_concentration: float = 1.0) -> list[Strokes | Blobs]:
    """Returns the discs of each pair, the first of concentration 1."""
    first, second = _disc_centres(pairs)
    centre_m = torch.cat((first, second))
    amplitude = torch.ones_like(centre_m[:, 0])
    amplitude[len(first) :] = second_concentration
    return [_round_strokes(pairs, centre_m, centre_m, amplitude)]


def capsule_shapes(pairs: PairGeometry) -> list[Strokes | Blobs]:
    """Returns a capsule of concentration 1 that spans both discs of each pair."""
    return [_round_strokes(pairs, *_disc_centres(pairs), torch.ones_like(pairs.gap_m))]


def _disc_centres(pairs: PairGeometry) -> tuple[Tensor, Tensor]:
    offset_m = 0.5 * (pairs.gap_m + pairs.diameter_m)[:, None] * pairs.direction
    return pairs.centre_m - offset_m, pairs.centre_m + offset_m


def _round_strokes(pairs: PairGeometry, start: Tensor, end: Tensor, amplitude: Tensor) -> Strokes:
    """Returns strokes of the pairs' diameter; sample by sample, as often as there are ``start``."""
    repeats = len(start) // max(len(pairs.gap_m), 1)
    radius_m = 0.5 * pairs.diameter_m.repeat(repeats)
    return Strokes(
        sample=torch.arange(len(pairs.gap_m), device=start.device).repeat(repeats),
        start=start,
        end=end,
        start_radius=radius_m,
        end_radius=radius_m,
        amplitude=amplitude,
        is_flat=torch.zeros_like(radius_m, dtype=torch.bool),
    )
