"""Checks of what a user configured: one plain sentence with the name, the value and the remedy.

An argument says what it must be in its annotation, as ``floor: Positive = 1e-3`` does, and
``check_arguments`` sees to it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_type_hints


class InputError(ValueError):
    """What a user gave cannot be used; the message is the whole sentence to show."""


@dataclass(frozen=True)
class Rule:
    """What an argument must be, for its annotation.

    Args:
        is_kept: Whether a value is allowed.
        demand: What stands after "it must" in the error.
    """

    is_kept: Callable[[Any], bool]
    demand: str

    def __repr__(self) -> str:
        """Returns what ``--help`` shows beside the type."""
        return f"must {self.demand}"

    def check(self, owner: object, name: str, value: Any) -> None:
        """Raises an InputError unless the value keeps the rule.

        Args:
            owner: What the value is an argument of.
            name: Name of the argument.
            value: The value.
        """
        if not self.is_kept(value):
            shown = list(value) if isinstance(value, tuple) else value
            raise InputError(f"{type(owner).__name__}.{name} is {shown}: it must {self.demand}")


def ascending(lower: float = -math.inf, upper: float = math.inf) -> Rule:
    """Returns the rule of two finite numbers lower ≤ first ≤ second ≤ upper."""
    bounds = "" if lower == -math.inf else f" within {lower} … {upper}"
    return Rule(
        lambda pair: lower <= pair[0] <= pair[1] <= upper and all(map(math.isfinite, pair)),
        f"be an ascending pair{bounds}",
    )


def number_or_ascending(lower: float, upper: float = math.inf) -> Rule:
    """Returns the rule of a finite number, or two ascending ones, within lower … upper."""
    pair = ascending(lower, upper)
    return Rule(
        lambda value: pair.is_kept(as_range(value)),
        f"be a number or {pair.demand.partition(' ')[2]}",
    )


def as_range(value: float | tuple[float, float]) -> tuple[float, float]:
    """Returns a range as it is, and a number as the range that holds nothing else."""
    return value if isinstance(value, tuple) else (value, value)


POSITIVE = Rule(lambda value: math.isfinite(value) and value > 0, "be greater than 0")
NON_NEGATIVE = Rule(lambda value: math.isfinite(value) and value >= 0, "not be negative")
FRACTION = Rule(lambda value: 0 <= value <= 1, "lie in 0 … 1")

Positive = Annotated[float, POSITIVE]
PositiveInt = Annotated[int, POSITIVE]
NonNegative = Annotated[float, NON_NEGATIVE]
Finite = Annotated[float, Rule(math.isfinite, "be a finite number")]
Fraction = Annotated[float, FRACTION]


def check_arguments(owner: object) -> None:
    """Raises an InputError unless every argument keeps the rule in its annotation.

    Args:
        owner: What has just been made, with its arguments as attributes of the same names.
    """
    for name, rule in _rules(type(owner).__init__):
        rule.check(owner, name, getattr(owner, name))


@dataclass(frozen=True)
class Checked:
    """A dataclass whose arguments are checked when it is made."""

    def __post_init__(self) -> None:
        """Checks every argument."""
        check_arguments(self)


@cache
def _rules(constructor: Callable[..., None]) -> list[tuple[str, Rule]]:
    hints = get_type_hints(constructor, include_extras=True)
    return [
        (name, rule)
        for name, hint in hints.items()
        for rule in getattr(hint, "__metadata__", ())
        if isinstance(rule, Rule)
    ]
