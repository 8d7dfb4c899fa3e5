"""A sweep as a picture.

Must not know how settings were measured, or where figures go.
"""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mpi_cascade.sweep.naming import value_text
from mpi_cascade.sweep.summary import Setting

_NUM_ROWS = 40
_NUM_PANELS = 6
_WIDE_RANGE = 20
"""Ratio of largest to smallest value from which on an axis is logarithmic."""

_UNITS = {"psnr": "dB", "resolvable_gap_mm": "mm"}
_BEST, _OTHER = "C3", "C0"


def sweep_figure(found: Sequence[Setting], metric: str, is_maximised: bool) -> Figure:
    """Returns the metric of every setting, with its interval.

    Where numbers were searched they have an axis each, and other parameters a colour; where there
    are none, every setting has a row, best first.

    Args:
        found: One or more settings, best first.
        metric: Name of the metric.
        is_maximised: Whether a higher metric is better.
    """
    numbers = [name for name in varying(found) if _is_number(name, found)]
    label = _label(metric, found)
    if not numbers:
        return _rows(found, label, is_maximised)
    return _panels(found, numbers[:_NUM_PANELS], label)


def varying(found: Sequence[Setting]) -> list[str]:
    """Returns the parameters that are not the same in every setting."""
    if not found:
        return []
    first = found[0].parameters
    return [
        name
        for name in first
        if any(item.parameters[name] != first[name] for item in found)
    ]  # fmt: skip


def _rows(found: Sequence[Setting], label: str, is_maximised: bool) -> Figure:
    shown = found[:_NUM_ROWS]
    names = varying(found)
    figure = Figure(figsize=(8, 1.4 + 0.24 * len(shown)), layout="constrained")
    axis = figure.subplots()
    for place, item in enumerate(shown):
        _mark(axis, item, place, _BEST if place == 0 else _OTHER, is_across=True)
    rows = [", ".join(value_text(item.parameters[name]) for name in names) for item in shown]
    axis.set_yticks(range(len(shown)), rows)
    axis.set_ylim(len(shown) - 0.5, -0.5)
    axis.set_xlabel(label)
    best_of = f", the best {len(shown)} of {len(found)}" if len(shown) < len(found) else ""
    direction = "higher" if is_maximised else "lower"
    axis.set_title(f"{', '.join(names)}{best_of} ({direction} is better)", fontsize="medium")
    axis.grid(axis="x", color="0.9")
    return figure


def _panels(found: Sequence[Setting], numbers: Sequence[str], label: str) -> Figure:
    others = [name for name in varying(found) if name not in numbers]
    kinds = list(dict.fromkeys(_kind(item, others) for item in found))
    num_columns = min(3, len(numbers))
    num_lines = math.ceil(len(numbers) / num_columns)
    figure = Figure(figsize=(1 + 3.6 * num_columns, 0.6 + 3.4 * num_lines), layout="constrained")
    axes = figure.subplots(num_lines, num_columns, squeeze=False, sharey=True)
    for axis, name in zip(axes.flat, numbers, strict=False):
        for item in reversed(found):
            kind = kinds.index(_kind(item, others))
            _mark(axis, item, item.parameters[name], f"C{kind % 10}", is_across=False)
        axis.plot(
            found[0].parameters[name], found[0].value, "o", color="none", markeredgecolor="black",
            markersize=11, label="best",
        )  # fmt: skip
        _scale(axis, [item.parameters[name] for item in found])
        axis.set_xlabel(name.replace(".init_args.", "."))
        axis.grid(color="0.9")
    for axis in axes.flat[len(numbers) :]:
        axis.remove()
    for axis in axes[:, 0]:
        axis.set_ylabel(label)
    _legend(figure, axes[0, 0], kinds if others else [], found)
    return figure


def _legend(figure: Figure, axis: Axes, kinds: Sequence[str], found: Sequence[Setting]) -> None:
    for number, kind in enumerate(kinds):
        axis.plot([], [], "o", color=f"C{number % 10}", label=kind)
    if any(item.num_stopped for item in found):
        axis.plot([], [], "o", color="0.3", markerfacecolor="none", label="stopped early")
    figure.legend(
        *axis.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
    )


def _mark(axis: Axes, item: Setting, place: float, color: str, *, is_across: bool) -> None:
    """Draws a value and its interval: hollow if a trial was stopped early."""
    ends = None if math.isnan(item.low) else [[item.value - item.low], [item.high - item.value]]
    fill = "none" if item.num_stopped else color
    if is_across:
        axis.errorbar(item.value, place, xerr=ends, fmt="o", color=color, markerfacecolor=fill)
    else:
        axis.errorbar(place, item.value, yerr=ends, fmt="o", color=color, markerfacecolor=fill)


def _scale(axis: Axes, values: Sequence[float]) -> None:
    if min(values) > 0 and max(values) > _WIDE_RANGE * min(values):
        axis.set_xscale("log")
    distinct = sorted(set(values))
    if len(distinct) <= 4:
        axis.set_xticks(distinct, [value_text(value) for value in distinct], minor=False)
        axis.minorticks_off()


def _kind(item: Setting, names: Sequence[str]) -> str:
    return ", ".join(value_text(item.parameters[name]) for name in names)


def _is_number(name: str, found: Sequence[Setting]) -> bool:
    values: list[Any] = [item.parameters[name] for item in found]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _label(metric: str, found: Sequence[Setting]) -> str:
    unit = _UNITS.get(metric.rsplit("/", 1)[-1])
    interval = " (mean and 95 % interval)" if any(item.num_seeds > 1 for item in found) else ""
    return f"{metric} / {unit}{interval}" if unit else f"{metric}{interval}"
