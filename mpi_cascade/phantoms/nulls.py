"""Nulls: single objects of many forms, for the share of them that a method takes for two.

Each comes with a hypothesised pair, two discs inside its ends along its axis. Between their places
the concentration is constant, so that no dip there is the object's own. Training's own single
objects are drawn otherwise.
"""

import math
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import ascending
from mpi_cascade.devices import spaced
from mpi_cascade.phantoms.null_form import Form, NullForm
from mpi_cascade.phantoms.placing import scale
from mpi_cascade.phantoms.scenes import Drawing, PairGeometry, Scene
from mpi_cascade.randomness import RandomStreams

_NUM_ARC_PIECES = 8
_NUM_ELLIPSE_PIECES = 16

Bounds = Annotated[tuple[float, float], ascending(0, 1)]
Bend = Annotated[tuple[float, float], ascending(1, 180)]


@dataclass(frozen=True, kw_only=True)
class SingleCapsules(NullForm):
    """Single capsules: straight, of one width, with round ends."""

    def form(self, width_m: Tensor, length_m: Tensor, uniform: Tensor) -> Form:
        """Returns capsules."""
        half_m = 0.5 * (length_m - width_m)
        return Form(_along_x(half_m, 2), 0.5 * width_m[:, None].expand(-1, 2), length_m)


@dataclass(frozen=True, kw_only=True)
class SingleBars(NullForm):
    """Single bars: straight, of one width, with flat ends."""

    def form(self, width_m: Tensor, length_m: Tensor, uniform: Tensor) -> Form:
        """Returns bars."""
        radius = 0.5 * width_m[:, None].expand(-1, 2)
        return Form(_along_x(0.5 * length_m, 2), radius, length_m, is_flat=True)


@dataclass(frozen=True, kw_only=True)
class Ellipses(NullForm):
    """Filled ellipses."""

    def form(self, width_m: Tensor, length_m: Tensor, uniform: Tensor) -> Form:
        """Returns ellipses, each the union of the discs that touch it from inside."""
        half_length, half_width = 0.5 * length_m[:, None], 0.5 * width_m[:, None]
        focus_square = half_length.square() - half_width.square()
        place = spaced(-1, 1, _NUM_ELLIPSE_PIECES + 1, width_m.device)
        # Close together towards the ends, where the radius changes most.
        place = torch.sin(0.5 * math.pi * place)
        x = place * focus_square / half_length
        radius = half_width * (1 - place.square() * focus_square / half_length.square()).sqrt()
        return Form(torch.stack((x, torch.zeros_like(x)), dim=-1), radius, length_m)


@dataclass(frozen=True, kw_only=True)
class FilledDumbBells(NullForm):
    """Two discs that a neck of the same concentration makes one object.

    Args:
        neck: Smallest and largest width of the neck over that of the discs.
    """

    neck: Bounds = (0.6, 1.0)

    def form(self, width_m: Tensor, length_m: Tensor, uniform: Tensor) -> Form:
        """Returns dumb-bells."""
        half_m = 0.5 * (length_m - width_m)
        disc, neck = 0.5 * width_m, 0.5 * width_m * scale(uniform, self.neck)
        # Strokes of no length are the discs, and lead from them to the neck.
        radius = torch.stack((disc, disc, neck, neck, disc, disc), dim=1)
        return Form(_along_x(half_m, 2).repeat_interleave(3, dim=1), radius, length_m)


@dataclass(frozen=True, kw_only=True)
class BentCapsules(NullForm):
    """Capsules of one width along an arc.

    The hypothesised pair lies along the tangent in the middle, halfway between the arc's apex and
    the chord, no longer than that line stays in the inner half of the width.

    Args:
        bend_deg: Smallest and largest angle of the arc in degrees.
    """

    bend_deg: Bend = (30.0, 120.0)

    def form(self, width_m: Tensor, length_m: Tensor, uniform: Tensor) -> Form:
        """Returns bent capsules, their arc as long as a straight one's centre line."""
        bend = torch.deg2rad(scale(uniform, self.bend_deg))
        arc_m = (length_m - width_m).clamp_min(1e-9)
        bow_m = arc_m / bend
        # The part of the arc that is at most half a width deep.
        shallow = 2 * torch.acos((1 - 0.5 * width_m / bow_m).clamp_min(-1))
        part = torch.minimum(bend, shallow)
        depth_m = bow_m * (1 - torch.cos(0.5 * part))
        place = spaced(-0.5, 0.5, _NUM_ARC_PIECES + 1, width_m.device)
        angle = place * bend[:, None]
        x = bow_m[:, None] * torch.sin(angle)
        y = bow_m[:, None] * (torch.cos(angle) - 1) + 0.5 * depth_m[:, None]
        straight_m = 2 * bow_m * torch.sin(0.5 * part) + width_m * (bend <= shallow)
        radius = 0.5 * width_m[:, None].expand_as(x)
        return Form(torch.stack((x, y), dim=-1), radius, straight_m)


class Nulls(Scene):
    """Single objects of several forms in turn: sample i has form number i modulo their number.

    Args:
        forms: The forms; by default capsules, ellipses, bars, filled dumb-bells and bent capsules.
    """

    def __init__(self, forms: tuple[NullForm, ...] = ()) -> None:
        self.forms = forms or tuple(null_forms().values())

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if an object may be larger than the field of view (y, x) in m."""
        for form in self.forms:
            form.check_fits(field_of_view_m)

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns one object per sample, the other forms of amplitude 0, and its pair."""
        numbers = streams.indices % len(self.forms)
        shapes, pairs = [], []
        for number, form in enumerate(self.forms):
            drawing = form.draw(streams, field_of_view_m)
            pairs.append(drawing.pairs)
            for shape in drawing.shapes:
                is_of_form = (numbers == number)[shape.sample]
                shapes.append(shape._replace(amplitude=shape.amplitude * is_of_form))
        rows = torch.arange(len(streams), device=numbers.device)
        columns = zip(*(pair for pair in pairs if pair is not None), strict=True)
        return Drawing(shapes, PairGeometry(*(torch.stack(c)[numbers, rows] for c in columns)))


def null_forms(factor: float = 1.0) -> dict[str, NullForm]:
    """Returns every form by name.

    Args:
        factor: What widths and lengths are multiplied by.
    """
    forms: dict[str, NullForm] = {
        "capsules": SingleCapsules(),
        "ellipses": Ellipses(),
        "bars": SingleBars(),
        "filled dumb-bells": FilledDumbBells(),
        "bent capsules": BentCapsules(),
    }
    return {
        name: replace(
            form,
            width_mm=_times(factor, form.width_mm), length_mm=_times(factor, form.length_mm),
        )
        for name, form in forms.items()
    }  # fmt: skip


def _times(factor: float, bounds: tuple[float, float]) -> tuple[float, float]:
    return factor * bounds[0], factor * bounds[1]


def _along_x(half_m: Tensor, num: int) -> Float[Tensor, "batch nodes 2"]:
    x = half_m[:, None] * spaced(-1, 1, num, half_m.device)
    return torch.stack((x, torch.zeros_like(x)), dim=-1)
