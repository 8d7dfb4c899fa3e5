"""Checks of what a user configured: one plain sentence with the name, the value and the remedy."""

import math


class InputError(ValueError):
    """What a user gave cannot be used; the message is the whole sentence to show."""


def require_positive(owner: object, *names: str) -> None:
    """Raises an InputError unless each named attribute of ``owner`` is finite and > 0."""
    for name in names:
        value = getattr(owner, name)
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{_where(owner, name)} is {value}: it must be greater than 0")


def require_finite(owner: object, *names: str) -> None:
    """Raises an InputError unless each named attribute of ``owner`` is a finite number."""
    for name in names:
        value = getattr(owner, name)
        if not math.isfinite(value):
            raise InputError(f"{_where(owner, name)} is {value}: it must be a finite number")


def require_non_negative(owner: object, *names: str) -> None:
    """Raises an InputError unless each named attribute of ``owner`` is finite and ≥ 0."""
    for name in names:
        value = getattr(owner, name)
        if not (math.isfinite(value) and value >= 0):
            raise InputError(f"{_where(owner, name)} is {value}: it must not be negative")


def require_fraction(owner: object, *names: str) -> None:
    """Raises an InputError unless each named attribute of ``owner`` lies in 0 … 1."""
    for name in names:
        value = getattr(owner, name)
        if not 0 <= value <= 1:
            raise InputError(f"{_where(owner, name)} is {value}: it must lie in 0 … 1")


def require_range(owner: object, name: str, lower: float, upper: float) -> None:
    """Raises an InputError unless attribute ``name`` is a pair lower ≤ first ≤ second ≤ upper."""
    first, second = getattr(owner, name)
    if not (lower <= first <= second <= upper and math.isfinite(second)):
        raise InputError(
            f"{_where(owner, name)} is [{first}, {second}]: it must be an ascending pair "
            f"within {lower} … {upper}"
        )


def _where(owner: object, name: str) -> str:
    return f"{type(owner).__name__}.{name}"
