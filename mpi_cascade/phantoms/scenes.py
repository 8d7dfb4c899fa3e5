"""Scenes: what is scanned. Those with a known answer are here, never used in training."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import (
    Checked,
    InputError,
    PositiveInt,
    as_range,
    ascending,
    number_or_ascending,
)
from mpi_cascade.devices import Table, pair
from mpi_cascade.phantoms.family import GAPS
from mpi_cascade.phantoms.placing import scale
from mpi_cascade.phantoms.rendering import Shape, Strokes
from mpi_cascade.randomness import RandomStreams

Diameter = Annotated[float | tuple[float, float], number_or_ascending(1e-3)]
"""Diameter in mm, or the smallest and the largest, uniform between."""

Share = Annotated[float | tuple[float, float], number_or_ascending(0, 1)]
"""Share, or the smallest and the largest, uniform between."""

Concentration = Annotated[tuple[float, float], ascending(1e-3, 1)]
"""Smallest and largest concentration, uniform between."""


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

    shapes: Sequence[Shape]
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
    """Pairs of discs at random sub-pixel positions; both discs of a pair have one diameter.

    Sample i has gap number i // cases_per_gap.

    Args:
        gaps_mm: Gaps between the facing edges in mm, ≥ 0.
        diameter_mm: Diameter of the discs in mm, ≥ 0.001, or the smallest and the largest.
        cases_per_gap: Pairs of each gap, > 0.
        angles_deg: Smallest and largest angle of the pair against x in degrees, uniform between.
        concentration: Smallest and largest concentration of the first disc, 0.001 … 1.
        second_concentration: Concentration of the second disc relative to the first, 0 … 1, or the
            smallest and the largest.

    Raises:
        InputError: If a value is out of its range.
    """

    gaps_mm: Annotated[tuple[float, ...], GAPS] = (0.1, 0.2, 0.3, 0.5)
    diameter_mm: Diameter = 0.4
    cases_per_gap: PositiveInt = 256
    angles_deg: Annotated[tuple[float, float], ascending()] = (0.0, 0.0)
    concentration: Concentration = (1.0, 1.0)
    second_concentration: Share = 1.0

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.gaps_mm) * self.cases_per_gap

    def __post_init__(self) -> None:
        """Checks every argument."""
        super().__post_init__()
        _ = self._gaps_m

    @cached_property
    def _gaps_m(self) -> Table:
        return Table(1e-3 * torch.tensor(self.gaps_mm))

    @property
    def largest_extent_m(self) -> float:
        """Length of the widest pair in m."""
        return 1e-3 * (2 * as_range(self.diameter_mm)[1] + max(self.gaps_mm))

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if the widest pair doesn't fit the field of view (y, x) in m."""
        extent_m = self.largest_extent_m
        if extent_m > min(field_of_view_m):
            raise InputError(
                f"the two points of the evaluation are {1e3 * extent_m:.2f} mm wide, the field of "
                f"view has {1e3 * min(field_of_view_m):.2f} mm: make gaps_mm or diameter_mm "
                "smaller or the field of view larger"
            )

    def pairs(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> PairGeometry:
        """Returns the geometry of each sample, with both discs inside the field of view."""
        gap_m = self._gaps_m.on(streams.indices.device)[streams.indices // self.cases_per_gap]
        diameters_mm = as_range(self.diameter_mm)
        diameter_m = 1e-3 * scale(streams.uniform("pair diameter"), diameters_mm)
        angle = torch.deg2rad(scale(streams.uniform("pair angle"), self.angles_deg))
        direction = torch.stack((torch.cos(angle), torch.sin(angle)), dim=1)
        extent_m = (diameter_m + gap_m)[:, None] * direction.abs() + diameter_m[:, None]
        room_m = pair(*field_of_view_m[::-1], like=gap_m) - extent_m
        return PairGeometry(
            centre_m=(streams.uniform("position", (2,)) - 0.5) * room_m,
            direction=direction,
            diameter_m=diameter_m,
            gap_m=gap_m,
        )

    def concentrations(self, streams: RandomStreams) -> Float[Tensor, "batch 2"]:
        """Returns the concentrations of the first and the second disc of each sample."""
        first = scale(streams.uniform("pair concentration"), self.concentration)
        share = scale(streams.uniform("second disc"), as_range(self.second_concentration))
        return torch.stack((first, first * share), dim=1)

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns the discs of each pair."""
        pairs = self.pairs(streams, field_of_view_m)
        return Drawing(pair_shapes(pairs, self.concentrations(streams)), pairs)


@dataclass(frozen=True, kw_only=True)
class Capsules(Scene):
    """The control of a two-point suite: single capsules with the outlines of its pairs.

    Args:
        outlines: The suite; a capsule spans both discs of its pair, with the concentration of the
            first.
    """

    outlines: TwoPoints

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if the longest capsule doesn't fit the field of view."""
        self.outlines.check_fits(field_of_view_m)

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns one capsule per sample."""
        pairs = self.outlines.pairs(streams, field_of_view_m)
        return Drawing(capsule_shapes(pairs, self.outlines.concentrations(streams)[:, 0]), pairs)


@dataclass(frozen=True, kw_only=True)
class SingleDiscs(Scene):
    """Single discs at random sub-pixel positions.

    Args:
        diameter_mm: Diameter in mm, ≥ 0.001, or the smallest and the largest.
        concentration: Smallest and largest concentration, 0.001 … 1.

    Raises:
        InputError: If a value is out of its range.
    """

    diameter_mm: Diameter = 0.4
    concentration: Concentration = (1.0, 1.0)

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if a disc doesn't fit the field of view (y, x) in m."""
        largest_mm = as_range(self.diameter_mm)[1]
        if 1e-3 * largest_mm > min(field_of_view_m):
            raise InputError(
                f"the discs of the evaluation are {largest_mm} mm wide, the field of view "
                f"has {1e3 * min(field_of_view_m):.2f} mm: make the field of view larger"
            )

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns one disc per sample."""
        centre = streams.uniform("position", (2,)) - 0.5
        diameters_mm = as_range(self.diameter_mm)
        diameter_m = 1e-3 * scale(streams.uniform("disc diameter"), diameters_mm)
        room_m = pair(*field_of_view_m[::-1], like=centre) - diameter_m[:, None]
        along_x = pair(1.0, 0.0, like=centre).expand_as(centre)
        pairs = PairGeometry(centre * room_m, along_x, diameter_m, -diameter_m)
        concentration = scale(streams.uniform("disc concentration"), self.concentration)
        return Drawing(capsule_shapes(pairs, concentration), pairs)


def pair_shapes(
    pairs: PairGeometry, concentrations: Float[Tensor, "batch 2"] | None = None
) -> list[Shape]:
    """Returns the discs of each pair, of concentration 1 where none are given."""
    first, second = _disc_centres(pairs)
    centre_m = torch.cat((first, second))
    amplitude = torch.ones_like(centre_m[:, 0])
    if concentrations is not None:
        amplitude = concentrations.T.flatten()
    return [_round_strokes(pairs, centre_m, centre_m, amplitude)]


def capsule_shapes(
    pairs: PairGeometry, concentration: Float[Tensor, " batch"] | None = None
) -> list[Shape]:
    """Returns a capsule that spans both discs of each pair, of concentration 1 if none is given."""
    amplitude = torch.ones_like(pairs.gap_m) if concentration is None else concentration
    return [_round_strokes(pairs, *_disc_centres(pairs), amplitude)]


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
