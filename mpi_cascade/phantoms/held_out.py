"""Families held out of training, to see what a network makes of shapes that it was never shown."""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated

import torch

from mpi_cascade.devices import Table
from mpi_cascade.phantoms.family import GAPS, PhantomFamily, Size, Span, Uniforms
from mpi_cascade.phantoms.placing import direction, integer, place, scale
from mpi_cascade.phantoms.rendering import Strokes

# Corner points (x, y) of each letter's lines in a box of height 1 and width 0.7.
_LETTERS: tuple[tuple[tuple[tuple[float, float], ...], ...], ...] = (
    (((0, 0), (0.35, 1), (0.7, 0)), ((0.14, 0.4), (0.56, 0.4))),  # A
    (((0.7, 1), (0, 1), (0, 0), (0.7, 0)), ((0, 0.5), (0.5, 0.5))),  # E
    (((0, 0), (0, 1)), ((0.7, 0), (0.7, 1)), ((0, 0.5), (0.7, 0.5))),  # H
    (((0, 0), (0, 1)), ((0.7, 1), (0, 0.5), (0.7, 0))),  # K
    (((0, 0), (0, 1), (0.35, 0.4), (0.7, 1), (0.7, 0)),),  # M
    (((0, 0), (0, 1), (0.7, 1), (0.7, 0.5), (0, 0.5)),),  # P
    (((0.35, 0), (0.35, 1)), ((0, 1), (0.7, 1))),  # T
    (((0, 1), (0.7, 1), (0, 0), (0.7, 0)),),  # Z
)
_LINES = [[line for path in letter for line in pairwise(path)] for letter in _LETTERS]
_MOST_LINES = max(map(len, _LINES))
_NO_LINE = ((0.0, 0.0), (0.0, 0.0))
_ENDS = Table(torch.tensor([lines + [_NO_LINE] * (_MOST_LINES - len(lines)) for lines in _LINES]))
_IS_PRESENT = Table(
    torch.tensor([[number < len(lines) for number in range(_MOST_LINES)] for lines in _LINES])
)


@dataclass(frozen=True, kw_only=True)
class Letters(PhantomFamily):
    """Single upright capital letters.

    Args:
        height_mm: Smallest and largest height of the centre lines in mm.
        width_mm: Smallest and largest width of the lines in mm.
        amplitude: Smallest and largest concentration.

    Raises:
        InputError: If a range is not an ascending pair of allowed values.
    """

    height_mm: Size = (1.2, 3.0)
    width_mm: Size = (0.2, 0.4)
    amplitude: Span = (0.4, 1.0)

    num_uniforms = 6

    @property
    def largest_extent_m(self) -> float:
        """Height of the largest letter with its lines' caps in m."""
        return 1e-3 * (self.height_mm[1] + self.width_mm[1])

    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Strokes:
        """Returns letters placed uniformly inside the field of view."""
        letter, height, width, amplitude, *position = uniforms.split(1, dim=1)
        chosen = integer(letter[:, 0], (0, len(_LETTERS) - 1))
        ends = _ENDS.on(uniforms.device)[chosen]
        nodes = 1e-3 * scale(height, self.height_mm)[..., None, None] * ends
        return place(
            nodes[:, :, 0], nodes[:, :, 1], 0.5e-3 * scale(width, self.width_mm),
            scale(amplitude, self.amplitude), position, field_of_view_m,
            is_present=_IS_PRESENT.on(uniforms.device)[chosen],
        )  # fmt: skip


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

    gaps_mm: Annotated[tuple[float, float, float, float], GAPS] = (0.15, 0.3, 0.45, 0.6)
    width_mm: Size = (0.2, 0.4)
    length_mm: Span = (1.0, 2.5)
    amplitude: Span = (0.6, 1.0)

    num_uniforms = 6

    @property
    def largest_extent_m(self) -> float:
        """Diagonal of the largest phantom in m."""
        across = 5 * self.width_mm[1] + sum(self.gaps_mm)
        return 1e-3 * math.hypot(across, self.length_mm[1] + self.width_mm[1])

    def __post_init__(self) -> None:
        """Checks every argument."""
        super().__post_init__()
        _ = self._gaps_m

    @cached_property
    def _gaps_m(self) -> Table:
        return Table((1e-3 * torch.tensor((0.0, *self.gaps_mm))).cumsum(0))

    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Strokes:
        """Returns tubes at any angle, placed uniformly inside the field of view."""
        width, length, amplitude, angle, *position = uniforms.split(1, dim=1)
        width_m = 1e-3 * scale(width, self.width_mm)
        tube = torch.arange(5, device=uniforms.device)
        offset_m = self._gaps_m.on(uniforms.device) + width_m * tube
        centre = offset_m[..., None] * direction(angle + 0.25)
        half = 0.5e-3 * scale(length, self.length_mm)[..., None] * direction(angle)
        return place(
            centre - half, centre + half, 0.5 * width_m,
            scale(amplitude, self.amplitude), position, field_of_view_m,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rings(PhantomFamily):
    """Single rings.

    Args:
        diameter_mm: Smallest and largest diameter of the centre line in mm.
        width_mm: Smallest and largest width of the line in mm.
        amplitude: Smallest and largest concentration.

    Raises:
        InputError: If a range is not an ascending pair of allowed values.
    """

    diameter_mm: Size = (0.8, 2.5)
    width_mm: Size = (0.2, 0.5)
    amplitude: Span = (0.4, 1.0)

    num_uniforms = 5
    _SEGMENTS = 32

    @property
    def largest_extent_m(self) -> float:
        """Outer diameter of the largest ring in m."""
        return 1e-3 * (self.diameter_mm[1] + self.width_mm[1])

    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Strokes:
        """Returns rings, as polygons of short strokes, placed uniformly in the field of view."""
        diameter, width, amplitude, *position = uniforms.split(1, dim=1)
        turns = torch.linspace(0, 1, self._SEGMENTS + 1, device=uniforms.device)
        nodes = 0.5e-3 * scale(diameter, self.diameter_mm)[..., None] * direction(turns)
        return place(
            nodes[:, :-1], nodes[:, 1:], 0.5e-3 * scale(width, self.width_mm),
            scale(amplitude, self.amplitude), position, field_of_view_m,
        )  # fmt: skip
