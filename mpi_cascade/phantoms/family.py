"""What a family of phantoms is, and the ranges of its sizes."""

import math
from abc import ABC, abstractmethod
from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import Checked, Rule, ascending
from mpi_cascade.phantoms.rendering import Blobs, Strokes

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
    """A family of phantoms, each a pure function of ``num_uniforms`` random numbers."""

    @property
    @abstractmethod
    def num_uniforms(self) -> int:
        """Random numbers that one phantom takes."""

    @property
    @abstractmethod
    def largest_extent_m(self) -> float:
        """Upper bound of a phantom's extent along any direction in m."""

    @abstractmethod
    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Strokes | Blobs:
        """Returns one phantom per row of ``uniforms``, inside the field of view (y, x) in m."""
