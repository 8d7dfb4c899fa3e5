"""A sweep in Optuna's pictures, with names that can be read."""

import warnings
from collections.abc import Sequence

import matplotlib.pyplot as plt
import optuna
from matplotlib.figure import Figure
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState
from optuna.visualization import matplotlib as plots

from mpi_cascade.sweep.naming import value_text
from mpi_cascade.sweep.study import Sweep


def sweep_figures(sweep: Sweep, names: Sequence[str]) -> dict[str, Figure]:
    """Returns pictures of the trials that have finished: over each parameter, and in their order.

    Args:
        sweep: The trials.
        names: The parameters that were searched.

    Returns:
        ``sweep``, if a parameter was searched, and ``history``; none if no trial has finished.
    """
    if not any(trial.state == TrialState.COMPLETE for trial in sweep.trials):
        return {}
    metric = sweep.file.metric
    direction = "higher" if sweep.file.is_maximised else "lower"
    with plt.style.context("default"), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        plots.plot_optimization_history(sweep.study, target_name=metric)
        figures = {"history": plt.gcf()}
        if names:
            plots.plot_slice(sweep.study, params=list(names), target_name=metric)
            figures["sweep"] = plt.gcf()
            _make_readable(figures["sweep"], sweep)
    for figure in figures.values():
        plt.close(figure)
        figure.axes[0].set_title("")
        figure.suptitle(f"{sweep.file.path.stem}: {direction} is better")
    return figures


def _make_readable(figure: Figure, sweep: Sweep) -> None:
    """Gives the slices short names side by side."""
    *panels, _ = figure.axes
    for axis in panels:
        name = axis.get_xlabel()
        axis.set_xlabel(name.replace(".init_args.", ".").replace(".", ".\n"))
        if isinstance(sweep.file.space[name], CategoricalDistribution):
            texts = [value_text(label.get_text().strip("'")) for label in axis.get_xticklabels()]
            axis.set_xticks(axis.get_xticks(), texts, rotation=45, ha="right")
    figure.set_size_inches(1.8 + 2.8 * len(panels), 4.8)
