"""Letters: held out of training, to see what a network makes of shapes that it was never shown."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import require_range
from mpi_cascade.phantoms.family import PhantomFamily, integer, place, scale
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
_MOST_LINES = max(len(lines) for lines in _LINES)


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

    height_mm: tuple[float, float] = (1.2, 3.0)
    width_mm: tuple[float, float] = (0.2, 0.4)
    amplitude: tuple[float, float] = (0.4, 1.0)

    def __post_init__(self) -> None:
        """Checks every range."""
        require_range(self, "height_mm", 1e-3, math.inf)
        require_range(self, "width_mm", 1e-3, math.inf)
        require_range(self, "amplitude", 0, math.inf)

    @property
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""
        return 6

    @property
    def largest_extent_m(self) -> float:
        """Height of the largest letter with its lines' caps in m."""
        return 1e-3 * (self.height_mm[1] + self.width_mm[1])

    def shapes(
        self, uniforms: Float[Tensor, "phantoms uniforms"], field_of_view_m: tuple[float, float]
    ) -> Strokes:
        """Returns letters placed uniformly inside the field of view."""
        letter, height, width, amplitude, *position = uniforms.unbind(1)
        table, is_present = _table(uniforms.device)
        chosen = integer(letter, (0, len(_LETTERS) - 1))
        nodes = 1e-3 * scale(height, self.height_mm)[:, None, None, None] * table[chosen]
        one_each = torch.ones(len(uniforms), _MOST_LINES, device=uniforms.device)
        radius = 0.5e-3 * scale(width, self.width_mm)[:, None] * one_each
        return place(
            nodes[:, :, 0], nodes[:, :, 1], radius, radius,
            scale(amplitude, self.amplitude)[:, None] * one_each, is_present[chosen],
            torch.stack(position, dim=1), field_of_view_m,
        )  # fmt: skip


def _table(device: torch.device) -> tuple[Float[Tensor, "letters lines 2 2"], Tensor]:
    """Returns the ends of every letter's lines, and which of them the letter has."""
    table = torch.zeros(len(_LINES), _MOST_LINES, 2, 2)
    is_present = torch.zeros(len(_LINES), _MOST_LINES, dtype=torch.bool)
    for number, lines in enumerate(_LINES):
        table[number, : len(lines)] = torch.tensor(lines)
        is_present[number, : len(lines)] = True
    return table.to(device), is_present.to(device)
