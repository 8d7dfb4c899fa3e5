"""A sweep as a picture.

Must not know how settings were measured, or where figures go.
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from mpi_cascade.sweep.naming import value_text
from mpi_cascade.sweep.summary import Setting

_NUM_ROWS = 40
_NUM_PANELS = 6
_FEW = 8
"""Most distinct numbers that stand in a row, like names; more have an axis to scale."""

_TWO_DECADES = 100

_UNITS = {"psnr_db": "dB", "resolvable_gap_mm": "mm"}
_BEST, _OTHER = "C3", "C0"


def sweep_figure(
    found: Sequence[Setting], metric: str, is_maximised: bool, logarithmic: Collection[str]
) -> Figure:
    """Returns the metric of every setting, with its interval.

    Where numbers were searched they have an axis each, and other parameters a colour; where there
    are none, every setting has a row, best first.

    Args:
        found: One or more settings, best first.
        metric: Name of the metric.
        is_maximised: Whether a higher metric is better.
        logarithmic: Parameters whose axis is logarithmic.
    """
    numbers = [name for name in varying(found) if _is_number(name, found)]
    label = _label(metric, found)
    if not numbers:
        return _rows(found, label, is_maximised)
    return _panels(found, numbers[:_NUM_PANELS], label, logarithmic)


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


def _panels(
    found: Sequence[Setting], numbers: Sequence[str], label: str, logarithmic: Collection[str]
) -> Figure:
    others = [name for name in varying(found) if name not in numbers]
    kinds = list(dict.fromkeys(_kind(item, others) for item in found))
    num_lines = math.ceil(len(numbers) / 3)
    num_columns = math.ceil(len(numbers) / num_lines)
    figure = Figure(figsize=(2.4 + 3.2 * num_columns, 0.8 + 3.3 * num_lines), layout="constrained")
    axes = figure.subplots(num_lines, num_columns, squeeze=False, sharey=True)
    for axis, name in zip(axes.flat, numbers, strict=False):
        places = _places(axis, [item.parameters[name] for item in found], name in logarithmic)
        for item, place in zip(found, places, strict=True):
            color = f"C{kinds.index(_kind(item, others)) % 10}"
            _mark(axis, item, place, color, is_across=False)
        axis.plot(places[0], found[0].value, "ko", markersize=11, fillstyle="none", label="best")
        axis.set_xlabel(name.replace(".init_args.", "."))
        axis.grid(color="0.9")
    for axis in axes.flat[len(numbers) :]:
        axis.remove()
    for axis in axes[:, 0]:
        axis.set_ylabel(label)
    _legend(figure, list(axes[0]), kinds if others else [], found)
    return figure


def _legend(
    figure: Figure, axes: Sequence[Axes], kinds: Sequence[str], found: Sequence[Setting]
) -> None:
    axis = axes[0]
    for number, kind in enumerate(kinds):
        axis.plot([], [], "o", color=f"C{number % 10}", label=kind)
    if any(item.num_stopped for item in found):
        axis.plot([], [], "o", color="0.3", markerfacecolor="none", label="stopped early")
    figure.legend(
        *axis.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(axes) + 1,
        frameon=False,
    )


def _mark(axis: Axes, item: Setting, place: float, color: str, *, is_across: bool) -> None:
    """Draws a value and its interval: hollow if a trial was stopped early."""
    ends = None if math.isnan(item.low) else [[item.value - item.low], [item.high - item.value]]
    fill = "none" if item.num_stopped else color
    if is_across:
        axis.errorbar(item.value, place, xerr=ends, fmt="o", color=color, markerfacecolor=fill)
    else:
        axis.errorbar(place, item.value, yerr=ends, fmt="o", color=color, markerfacecolor=fill)


def _places(axis: Axes, values: Sequence[float], is_logarithmic: bool) -> list[float]:
    """Returns where values stand on an axis: few distinct ones in a row, those of one side by side.

    Args:
        axis: The axis, which gets its ticks.
        values: One or more values.
        is_logarithmic: Whether they are drawn evenly over decades.
    """
    distinct = sorted(set(values))
    if len(distinct) > _FEW:
        if is_logarithmic:
            _scale_by_decades(axis, distinct[-1] / distinct[0])
        return list(values)
    axis.set_xticks(range(len(distinct)), [value_text(value) for value in distinct])
    axis.set_xlim(-0.5, len(distinct) - 0.5)
    totals = Counter(values)
    seen: Counter[float] = Counter()
    places: list[float] = []
    for value in values:
        seen[value] += 1
        places.append(distinct.index(value) + 0.8 * ((seen[value] - 0.5) / totals[value] - 0.5))
    return places


def _scale_by_decades(axis: Axes, ratio: float) -> None:
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if ratio < _TWO_DECADES else (1,)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())


def _kind(item: Setting, names: Sequence[str]) -> str:
    return ", ".join(value_text(item.parameters[name]) for name in names)


def _is_number(name: str, found: Sequence[Setting]) -> bool:
    values: list[Any] = [item.parameters[name] for item in found]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _label(metric: str, found: Sequence[Setting]) -> str:
    unit = _UNITS.get(metric.rsplit("/", 1)[-1])
    interval = " (mean and 95 % interval)" if any(item.num_seeds > 1 for item in found) else ""
    return f"{metric} / {unit}{interval}" if unit else f"{metric}{interval}"
