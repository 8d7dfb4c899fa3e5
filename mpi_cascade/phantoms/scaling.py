"""Phantoms at another scale: what is drawn for one scanner, drawn for another."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from mpi_cascade.phantoms.family import PhantomFamily
from mpi_cascade.phantoms.scenes import TwoPoints

_MOST_OF_FIELD = 0.95
"""Of the field of view: lengths are rounded, by up to 5 %."""

_LEAST = 0.5
"""Of lengths as they are, where the field of view is too small for these."""

_Scaled = TypeVar("_Scaled", bound=PhantomFamily | TwoPoints)


def scaled(drawn: _Scaled, factor: float) -> _Scaled:
    """Returns a family or pairs with every length multiplied, rounded to two digits.

    Lengths are the fields whose names end in ``_mm``. Metrics are named by them, so that two digits
    keep the names short.

    Args:
        drawn: A dataclass.
        factor: The factor, > 0; 1 changes nothing.
    """
    if factor == 1:
        return drawn
    lengths: dict[str, Any] = {
        item.name: _times(factor, getattr(drawn, item.name))
        for item in fields(drawn)
        if item.name.endswith("_mm")
    }
    return replace(drawn, **lengths)


def fitted(drawn: _Scaled, scale: float, field_of_view_m: tuple[float, float]) -> _Scaled:
    """Returns a family or pairs with every length multiplied, as far as the field of view allows.

    Args:
        drawn: A dataclass.
        scale: The factor, > 0. A smaller one is taken where that wouldn't fit, down to half of the
            lengths as they are; below, the field of view refuses them.
        field_of_view_m: Size (y, x) of the field of view in m.
    """
    room = min(field_of_view_m) / drawn.largest_extent_m
    most = _MOST_OF_FIELD * room
    factor = min(scale, max(1.0, most))
    if factor > room:
        factor = min(factor, max(_LEAST, most))
    return scaled(drawn, factor)


def rescaled(
    families: Mapping[str, PhantomFamily], scale: float, field_of_view_m: tuple[float, float]
) -> dict[str, PhantomFamily]:
    """Returns families by name with their lengths multiplied, as far as the field of view allows.

    Args:
        families: The families.
        scale: What their lengths are multiplied by.
        field_of_view_m: Size (y, x) of the field of view in m.
    """
    return {name: fitted(family, scale, field_of_view_m) for name, family in families.items()}


def _times(factor: float, length: float | tuple[float, ...]) -> float | tuple[float, ...]:
    if isinstance(length, tuple):
        return tuple(_times(factor, one) for one in length)  # type: ignore[misc]
    return float(f"{factor * length:.2g}")
