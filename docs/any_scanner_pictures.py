"""The pictures of ``any_scanner.py``: PSNRs and their intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Ends = tuple[float, float, float]
"""A value, and the lower and the upper end of its interval."""


def scanners_figure(psnrs: Mapping[str, Mapping[str, Ends]], methods: Sequence[str]) -> Figure:
    """Returns the PSNR of every method on every scanner.

    Args:
        psnrs: The PSNR in dB by scanner and method.
        methods: The methods in their order.
    """
    figure = Figure(figsize=(2.4 * len(psnrs), 3.6), layout="constrained")
    panels = figure.subplots(1, len(psnrs), sharey=True)
    for axes, (scanner, of_methods) in zip(panels, psnrs.items(), strict=True):
        for number, method in enumerate(methods):
            if method in of_methods:
                _add(axes, [number], [of_methods[method]], color=f"C{number}")
        axes.set_title(scanner, fontsize=9)
        axes.set_xticks(range(len(methods)), methods, rotation=60, fontsize=8)
        axes.grid(axis="y", alpha=0.3)
    panels[0].set_ylabel("PSNR of phantoms / dB")
    return figure


def drawn_figure(psnrs: Mapping[str, Sequence[Ends]]) -> Figure:
    """Returns the PSNR of each method on the scanners that were drawn.

    Args:
        psnrs: The PSNR in dB by method, of each scanner.
    """
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for place, (method, of_scanners) in enumerate(psnrs.items()):
        numbers = np.arange(1, len(of_scanners) + 1)
        _add(axes, numbers + 0.15 * (place - 1), of_scanners, label=method)
    axes.set_xticks(numbers)
    axes.set_xlabel("scanner: row of the table")
    axes.set_ylabel("PSNR of phantoms / dB")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="upper right", ncols=3, fontsize=8)
    axes.set_ylim(top=axes.get_ylim()[1] + 1.5)
    return figure


def pairs_figure(shares: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> Figure:
    """Returns the closest pairs that methods resolve, above the single objects that they split.

    Args:
        shares: Both shares of each training in %, by scanner and method.
    """
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    titles = [scanner.replace(", ", ",\n", 1) for scanner in shares]
    methods = list(next(iter(shares.values())))
    labels = (
        "closest pairs resolved / %,\nat 5 % of single objects split",
        "single objects split\nby a dip of 0.265 / %",
    )
    for panel, axes in enumerate(figure.subplots(2, sharex=True)):
        for place, method in enumerate(methods):
            points = [
                (number + 0.15 * (place - (len(methods) - 1) / 2), training[panel])
                for number, of_methods in enumerate(shares.values())
                for training in of_methods[method]
            ]
            axes.plot(*np.transpose(points), "o", alpha=0.7, label=method)
        axes.set_xticks(range(len(titles)), titles, fontsize=9)
        axes.set_ylabel(labels[panel])
        axes.set_ylim(bottom=-0.04 * axes.get_ylim()[1])
        axes.grid(axis="y", alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(methods))
    return figure


def known_figure(
    found: Mapping[str, Mapping[str, Sequence[tuple[float, float, float]]]],
) -> Figure:
    """Returns PSNR and splits against the error of the core's diameter.

    Args:
        found: Error in %, PSNR in dB and share of single objects that are split in %, each, by
            scanner and method.
    """
    figure = Figure(figsize=(2 + 2.4 * len(found), 5), layout="constrained")
    panels = figure.subplots(2, len(found), sharex=True, sharey="row", squeeze=False)
    for column, (scanner, of_methods) in enumerate(found.items()):
        for row, label in enumerate(("PSNR of phantoms / dB", "single objects split / %")):
            axes = panels[row, column]
            for method, values in of_methods.items():
                errors, *shown = zip(*values, strict=True)
                axes.plot(errors, shown[row], "o-", label=method)
            axes.grid(alpha=0.3)
            if column == 0:
                axes.set_ylabel(label)
        panels[0, column].set_title(scanner, fontsize=10)
    figure.supxlabel("error of the core diameter, true − stated / %", fontsize=10)
    handles = panels[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=len(handles[0]))
    return figure


def _add(axes: Axes, places: Sequence[float], values: Sequence[Ends], **style: str) -> None:
    """Adds values with their intervals."""
    value, low, high = np.transpose(values)
    axes.errorbar(places, value, (value - low, high - value), fmt="o", capsize=3, **style)
