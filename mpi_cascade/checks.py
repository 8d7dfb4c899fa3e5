"""Checks of what a user configured: one plain sentence with the name, the value and the remedy.

An argument says what it must be in its annotation, as ``floor: Positive = 1e-3`` does, and
``check_arguments`` sees to it.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_type_hints

Kind = TypeVar("Kind")


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
        if value is None or not self.is_kept(value):
            shown = list(value) if isinstance(value, tuple) else value
            raise InputError(f"{type(owner).__name__}.{name} is {shown}: it must {self.demand}")


@dataclass(frozen=True)
class Usual:
    """What a quantity usually is, for its annotation: what is far from it is a slip of unit.

    Args:
        lowest: Least usual value; 0 is always usual.
        highest: Largest usual value.
        unit: The unit that the quantity's name says.
        noun: What has such values, for example ``a drive field``.
    """

    lowest: float
    highest: float
    unit: str
    noun: str

    def __repr__(self) -> str:
        """Returns what ``--help`` shows beside the type."""
        return f"usually {self._range}"

    def check(self, key: str, value: float, meant: Collection[str]) -> None:
        """Raises an InputError if a value is far from usual, and nobody says that it is meant.

        Args:
            key: The quantity's key in the configuration.
            value: The value.
            meant: Names of quantities, the last part of their keys, that are meant as they are.
        """
        name = key.rpartition(".")[2]
        if value == 0 or self.lowest <= value <= self.highest or name in meant:
            return
        where = "above" if value > self.highest else "below"
        factors = _SLIPS if self.unit in _SCALED else ()
        slips = [self._written(value * factor) for factor in factors if self._holds(value * factor)]
        raise InputError(
            f"{key} is {value}: {with_prefix(value, self.unit)} is far {where} {self.noun} "
            f"({self._range}); {''.join(slips[:1])}if it is meant, add {name} to experiment.unusual"
        )

    @property
    def _range(self) -> str:
        lowest, highest = (with_prefix(end, self.unit) for end in (self.lowest, self.highest))
        return f"{lowest} … {highest}"

    def _holds(self, value: float) -> bool:
        return self.lowest <= value <= self.highest

    def _written(self, value: float) -> str:
        return f"write {with_prefix(value, self.unit)} as {value:.6g}, or "


_SLIPS = (1e-3, 1e-9, 1e-6, 1e3)
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


def with_prefix(value: float, unit: str) -> str:
    """Returns a value with its unit's prefix.

    Examples:
        >>> with_prefix(4e-3, "T"), with_prefix(0.0, "m"), with_prefix(-20.0, "dB")
        ('4 mT', '0 m', '-20 dB')
    """
    if unit not in _SCALED or not value:
        return f"{value:.4g} {unit}"
    fitting = (pair for pair in _PREFIXES if abs(value) >= 0.99995 * pair[0])
    scale, prefix = next(fitting, _PREFIXES[-1])
    return f"{value / scale:.4g} {prefix}{unit}"


_SCALED = ("m", "s", "T", "T/m", "Hz", "A/m")


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
NonNegativeInt = Annotated[int, NON_NEGATIVE]
Finite = Annotated[float, Rule(math.isfinite, "be a finite number")]
Fraction = Annotated[float, FRACTION]


def check_usual(owner: object, key: str, meant: Collection[str]) -> None:
    """Raises an InputError if an argument is far from what is usual, and nobody says it's meant.

    Args:
        owner: What has the arguments as attributes, their ``Usual`` in their annotations.
        key: Its key in the configuration.
        meant: Names of arguments that are meant as they are.
    """
    for name, usual in _annotated(type(owner).__init__, Usual):
        value = getattr(owner, name)
        for number in value if isinstance(value, tuple) else (value,):
            usual.check(f"{key}.{name}", number, meant)


def check_arguments(owner: object) -> None:
    """Raises an InputError unless every argument keeps the rule in its annotation.

    Args:
        owner: What has just been made, with its arguments as attributes of the same names.
    """
    for name, rule in _annotated(type(owner).__init__, Rule):
        rule.check(owner, name, getattr(owner, name))


@dataclass(frozen=True)
class Checked:
    """A dataclass whose arguments are checked when it is made."""

    def __post_init__(self) -> None:
        """Checks every argument."""
        check_arguments(self)


@cache
def _annotated(constructor: Callable[..., None], kind: type[Kind]) -> list[tuple[str, Kind]]:
    hints = get_type_hints(constructor, include_extras=True)
    return [
        (name, note)
        for name, hint in hints.items()
        for note in getattr(hint, "__metadata__", ())
        if isinstance(note, kind)
    ]
