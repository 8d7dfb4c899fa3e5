"""Single objects of many shapes: what a network must not split."""

import math
from dataclasses import dataclass
from typing import Annotated

import torch

from mpi_cascade.checks import ascending
from mpi_cascade.devices import spaced
from mpi_cascade.phantoms.family import PhantomFamily, Size, Span, Uniforms
from mpi_cascade.phantoms.placing import place, scale
from mpi_cascade.phantoms.rendering import Strokes

_PIECES = 6


@dataclass(frozen=True, kw_only=True)
class SingleObjects(PhantomFamily):
    """One object of one concentration: straight or bent, tapering, with a waist or a belly.

    A chain of strokes along an arc, whose width follows a parabola: without bend, taper and waist a
    capsule, with a belly like an ellipse, with a waist like a dumb-bell whose neck is filled. They
    look like close pairs to the scanner, and are none.

    Args:
        width_mm: Smallest and largest width, where the object is widest, in mm.
        length_mm: Smallest and largest length along the arc in mm; none is shorter than wide.
        bend_deg: Smallest and largest angle that the arc turns by in degrees.
        waist: Smallest and largest ratio of the width in the middle to that at the ends.
        taper: Largest difference of both ends' widths, relative to their mean, 0 … 1.
        amplitude: Smallest and largest concentration.

    Raises:
        InputError: If a range is not an ascending pair of allowed values.
    """

    width_mm: Size = (0.2, 0.7)
    length_mm: Span = (0.2, 2.0)
    bend_deg: Annotated[tuple[float, float], ascending(0, 180)] = (0.0, 120.0)
    waist: Annotated[tuple[float, float], ascending(0.1, 10)] = (0.5, 2.0)
    taper: Annotated[tuple[float, float], ascending(0, 1)] = (0.0, 0.4)
    amplitude: Span = (0.4, 1.0)

    num_uniforms = 10

    @property
    def largest_extent_m(self) -> float:
        """Length of the longest straight object in m."""
        return 1e-3 * max(self.length_mm[1], self.width_mm[1])

    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Strokes:
        """Returns objects placed uniformly inside the field of view."""
        width, length, bend, is_bent, waist, taper, amplitude, turn, *position = uniforms.split(
            1, dim=1
        )
        radius_m = 0.5e-3 * scale(width, self.width_mm)
        centre_line_m = (1e-3 * scale(length, self.length_mm) - 2 * radius_m).clamp_min(0)
        along = spaced(-1, 1, _PIECES + 1, uniforms.device)
        # The ratio is as often a waist as a belly, as its logarithm is uniform.
        ratio = torch.exp(scale(waist, (math.log(self.waist[0]), math.log(self.waist[1]))))
        widths = (1 + (ratio - 1) * (1 - along**2)) * (1 + 0.5 * scale(taper, self.taper) * along)
        widths = radius_m * widths / widths.amax(dim=1, keepdim=True)
        # Every second object is straight.
        angle = torch.deg2rad(scale(bend, self.bend_deg)) * (is_bent < 0.5)
        middles = 0.5 * (along[1:] + along[:-1])
        headings = 2 * math.pi * turn + 0.5 * angle * middles
        steps = centre_line_m / _PIECES
        path = torch.stack((steps * headings.cos(), steps * headings.sin()), dim=-1).cumsum(dim=1)
        joints = torch.cat((torch.zeros_like(path[:, :1]), path), dim=1)
        return place(
            joints[:, :-1], joints[:, 1:], widths[:, :-1], scale(amplitude, self.amplitude),
            position, field_of_view_m, end_radius=widths[:, 1:],
        )  # fmt: skip
