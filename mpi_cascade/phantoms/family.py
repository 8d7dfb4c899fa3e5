"""What a family of phantoms is, and the ranges of its sizes."""

import math
from abc import ABC, abstractmethod
from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import Checked, Rule, ascending
from mpi_cascade.phantoms.rendering import Shape

Uniforms = Float[Tensor, "phantoms uniforms"]
"""Random numbers in 0 … 1, of which each phantom is a function."""

Span = Annotated[tuple[float, float], ascending(0)]
"""Smallest and largest value, of which 0 is allowed."""

Size = Annotated[tuple[float, float], ascending(1e-3)]
"""Smallest and largest value, which can't be 0."""

GAPS = Rule(
    lambda gaps: len(gaps) > 0 and all(0 <= gap < math.inf for gap in gaps),
    "hold one or more gaps, none negative",
)


class PhantomFamily(Checked, ABC):
    """A family of phantoms, each a pure function of ``num_uniforms`` random numbers.

    A family of one's own is a frozen dataclass that derives from this, with its ranges as fields
    and three members: how many numbers a phantom takes, how large it may be, and the shapes that
    the numbers stand for. Lengths in fields whose names end in ``_mm`` are in mm, and follow the
    scanner; all else is in m. A configuration names it by ``class_path``::

        experiment:
          phantoms:
            rods: {class_path: my_file.Rods, init_args: {length_mm: [0.5, 2.0]}}

    Row i of the numbers is all that phantom i may depend on, whatever else is in the batch, so that
    it is the same in any batch, process and resumed run: draw nothing, and take nothing from other
    rows. ``scale``, ``integer``, ``direction`` and ``place`` make numbers into sizes, counts,
    directions and strokes inside the field of view.

    Examples:
        >>> from dataclasses import dataclass
        >>> import torch
        >>> from mpi_cascade.phantoms import PhantomFamily, Size, direction, place, scale
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Rods(PhantomFamily):
        ...     length_mm: Size = (0.5, 2.0)
        ...     num_uniforms = 4
        ...
        ...     @property
        ...     def largest_extent_m(self) -> float:
        ...         return 1e-3 * (self.length_mm[1] + 0.3)
        ...
        ...     def shapes(self, uniforms, field_of_view_m):
        ...         length, turn, *position = uniforms.split(1, dim=1)
        ...         half = 0.5e-3 * scale(length, self.length_mm)[..., None] * direction(turn)
        ...         radius = torch.full_like(length, 0.15e-3)
        ...         return place(-half, half, radius, torch.ones_like(length), position,
        ...                      field_of_view_m)
        >>> Rods().shapes(torch.full((5, 4), 0.5), (6.4e-3, 6.4e-3)).start.shape
        torch.Size([5, 2])
    """

    @property
    @abstractmethod
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""

    @property
    @abstractmethod
    def largest_extent_m(self) -> float:
        """Upper bound of a phantom's extent along any direction in m."""

    @abstractmethod
    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Shape:
        """Returns one phantom per row of ``uniforms``, inside the field of view.

        Args:
            uniforms: Random numbers in 0 … 1, (phantoms, num_uniforms); of no rows, no shapes.
            field_of_view_m: Size (y, x) of the field of view in m, centred at 0; no smaller than
                ``largest_extent_m``.

        Returns:
            ``Strokes``, ``Blobs`` or ``Rasters``, whose ``sample`` is the row that each belongs to.
            Give every phantom as many as the largest has, those that it hasn't of amplitude 0: how
            many there are must not depend on the numbers, or a GPU would have to be waited for.
        """
