"""Single objects, each with the pair of discs that it might be taken for."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import InputError, ascending
from mpi_cascade.devices import pair
from mpi_cascade.phantoms.family import Size
from mpi_cascade.phantoms.placing import row_numbers, scale
from mpi_cascade.phantoms.rendering import Strokes
from mpi_cascade.phantoms.scenes import Concentration, Drawing, PairGeometry, Scene
from mpi_cascade.randomness import RandomStreams

_LARGEST_DISC = 0.45
"""Diameter of the hypothesised discs over the length of the object, at most."""


class Form(NamedTuple):
    """An object in its own frame, its axis along x and its middle at 0.

    Attributes:
        nodes: Points (x, y) of the centre line in m, (batch, nodes, 2).
        radius: Half the width at each node in m, (batch, nodes).
        length_m: Length over which the object has a straight axis, (batch,).
        is_flat: Whether both ends are flat.
    """

    nodes: Float[Tensor, "batch nodes 2"]
    radius: Float[Tensor, "batch nodes"]
    length_m: Float[Tensor, " batch"]
    is_flat: bool = False


@dataclass(frozen=True, kw_only=True)
class NullForm(Scene):
    """Single objects of one form at random sub-pixel positions and angles.

    An object is never shorter than wide.

    Args:
        width_mm: Smallest and largest width in mm.
        length_mm: Smallest and largest length in mm, both ends included.
        angles_deg: Smallest and largest angle of the axis against x in degrees, uniform between.
        concentration: Smallest and largest concentration.

    Raises:
        InputError: If a value is out of its range.
    """

    width_mm: Size = (0.2, 0.6)
    length_mm: Size = (0.4, 1.6)
    angles_deg: Annotated[tuple[float, float], ascending()] = (0.0, 180.0)
    concentration: Concentration = (0.1, 1.0)

    @property
    def largest_extent_m(self) -> float:
        """Upper bound of an object's extent along any direction in m: the diagonal of a bar."""
        width_mm = self.width_mm[1]
        return 1e-3 * math.hypot(max(self.length_mm[1], width_mm), width_mm)

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if an object may be larger than the field of view (y, x) in m."""
        extent_m = self.largest_extent_m
        if extent_m > min(field_of_view_m):
            raise InputError(
                f"the single objects of the evaluation may be {1e3 * extent_m:.2f} mm large, the "
                f"field of view has {1e3 * min(field_of_view_m):.2f} mm: make the field of view "
                "larger"
            )

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns one object per sample, inside the field of view, and its hypothesised pair."""
        width_m = 1e-3 * scale(streams.uniform("null width"), self.width_mm)
        length_m = 1e-3 * scale(streams.uniform("null length"), self.length_mm)
        form = self.form(width_m, torch.maximum(length_m, width_m), streams.uniform("null form"))
        angle = torch.deg2rad(scale(streams.uniform("null angle"), self.angles_deg))
        axis = torch.stack((torch.cos(angle), torch.sin(angle)), dim=1)
        across = torch.stack((-axis[:, 1], axis[:, 0]), dim=1)
        nodes = form.nodes[..., :1] * axis[:, None] + form.nodes[..., 1:] * across[:, None]
        lower = (nodes - form.radius[..., None]).amin(dim=1)
        upper = (nodes + form.radius[..., None]).amax(dim=1)
        if form.is_flat:
            # Corners lie half a width from the axis, and no farther than that from its end.
            half_m = form.radius[:, :1] * across.abs()
            lower, upper = nodes.amin(dim=1) - half_m, nodes.amax(dim=1) + half_m
        room_m = pair(*field_of_view_m[::-1], like=nodes) - (upper - lower)
        middle = (streams.uniform("position", (2,)) - 0.5) * room_m - 0.5 * (lower + upper)
        concentration = scale(streams.uniform("null concentration"), self.concentration)
        diameter_m = torch.minimum(width_m, _LARGEST_DISC * form.length_m)
        pairs = PairGeometry(middle, axis, diameter_m, form.length_m - 2 * diameter_m)
        shapes = _strokes(nodes + middle[:, None], form.radius, concentration, form.is_flat)
        return Drawing([shapes], pairs)

    @abstractmethod
    def form(self, width_m: Tensor, length_m: Tensor, uniform: Tensor) -> Form:
        """Returns the objects.

        Args:
            width_m: Widths in m, (batch,).
            length_m: Lengths in m, at least the width, (batch,).
            uniform: Random numbers in 0 … 1 for what else the form has, (batch,).
        """


def _strokes(nodes: Tensor, radius: Tensor, concentration: Tensor, is_flat: bool) -> Strokes:
    """Returns the strokes between the nodes of each object."""
    sample = row_numbers(radius[:, 1:])
    return Strokes(
        sample=sample,
        start=nodes[:, :-1].flatten(0, 1),
        end=nodes[:, 1:].flatten(0, 1),
        start_radius=radius[:, :-1].flatten(),
        end_radius=radius[:, 1:].flatten(),
        amplitude=concentration[sample],
        is_flat=torch.full_like(sample, is_flat, dtype=torch.bool),
    )
