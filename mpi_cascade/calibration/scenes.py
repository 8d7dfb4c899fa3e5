"""Phantoms and two-point cases of a field of view's size, as a configuration.

The default ones are sized for the reference scanner. Must not know how a scanner was measured.
"""

from dataclasses import fields
from typing import Any

from mpi_cascade.phantoms import PhantomFamily, default_families
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.scanner import Scanner


def scaled_scenes(size_m: tuple[float, float]) -> list[str]:
    """Returns the YAML lines of ``data`` that fill a field of view as the default phantoms do.

    Every length in mm is multiplied by the field's smaller side over that of the reference scanner.

    Args:
        size_m: Size (y, x) of the field of view in m.
    """
    factor = min(size_m) / min(Scanner().field_of_view_m)
    lines = [f"  phantoms:  # The default ones, {factor:.3g} times as large."]
    for name, family in default_families().items():
        kind = type(family)
        lines += [
            f"    {name}:",
            f"      class_path: {kind.__module__}.{kind.__qualname__}",
            f"      init_args: {_scaled(family, factor)}",
        ]
    return [*lines, f"  two_points: {_scaled(TwoPoints(), factor)}"]


def _scaled(scene: PhantomFamily | TwoPoints, factor: float) -> str:
    given = {}
    for item in fields(scene):  # type: ignore[arg-type]
        value: Any = getattr(scene, item.name)
        if item.name.endswith("_mm"):
            given[item.name] = _times(value, factor)
        elif value != item.default:
            given[item.name] = str(list(value) if isinstance(value, tuple) else value)
    return "{" + ", ".join(f"{name}: {value}" for name, value in given.items()) + "}"


def _times(value: float | tuple[float, ...], factor: float) -> str:
    """Returns a length or several, to two digits, as metrics are named after them."""
    if isinstance(value, tuple):
        return "[" + ", ".join(f"{factor * end:.2g}" for end in value) + "]"
    return f"{factor * value:.2g}"
