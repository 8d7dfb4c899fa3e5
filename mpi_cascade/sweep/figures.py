"""A sweep in Optuna's pictures, with names that can be read."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import TrialState
from optuna.visualization import matplotlib as plots

from mpi_cascade.sweep.definition import SweepFile
from mpi_cascade.sweep.naming import value_text
from mpi_cascade.sweep.study import Trial


def slices_figure(trials: Sequence[Trial], file: SweepFile, names: Sequence[str]) -> Figure:
    """Returns the metric of every trial over each parameter.

    Args:
        trials: The trials, of which one or more have a value.
        file: The sweep.
        names: The parameters that are shown.
    """
    figure = _drawn(plots.plot_slice, _shown(trials, file, names), file)
    *panels, colours = figure.axes
    for axis, name in zip(panels, sorted(names), strict=True):
        axis.set_xlabel(name.replace(".init_args.", ".").replace(".", ".\n"))
        if file.parameters[name].is_list:
            labels = [label.get_text().strip("'") for label in axis.get_xticklabels()]
            axis.set_xticks(axis.get_xticks(), labels, rotation=45, ha="right")
    colours.set_ylabel("trial")
    figure.suptitle(_title(file))
    figure.set_size_inches(1.8 + 2.8 * len(panels), 4.8)
    return figure


def history_figure(trials: Sequence[Trial], file: SweepFile) -> Figure:
    """Returns the metric of every trial in their order, and the best so far.

    Args:
        trials: The trials, of which one or more have a value.
        file: The sweep.
    """
    figure = _drawn(plots.plot_optimization_history, _shown(trials, file, []), file)
    figure.axes[0].set_title(_title(file))
    figure.axes[0].set_xlabel("trial")
    return figure


def _title(file: SweepFile) -> str:
    direction = "higher" if file.is_maximised else "lower"
    return f"{file.path.stem}: {direction} is better"


def _shown(trials: Sequence[Trial], file: SweepFile, names: Sequence[str]) -> optuna.Study:
    """Returns a study of the trials as they are counted, with short values."""
    study = optuna.create_study(direction="maximize" if file.is_maximised else "minimize")
    for trial in trials:
        params = {name: trial.parameters[name] for name in names}
        distributions: dict[str, BaseDistribution] = {}
        for name in names:
            parameter = file.parameters[name]
            distributions[name] = parameter.distribution
            if parameter.is_list and not all(map(_is_number, parameter.values)):
                params[name] = value_text(params[name])
                distributions[name] = CategoricalDistribution(
                    list(dict.fromkeys(map(value_text, parameter.values)))
                )
        state = TrialState.FAIL if trial.value is None else TrialState.COMPLETE
        study.add_trial(
            optuna.create_trial(
                state=state, value=trial.value, params=params, distributions=distributions
            )
        )
    return study


def _drawn(plot: Callable[..., Any], study: optuna.Study, file: SweepFile) -> Figure:
    """Returns the picture of a plot, and leaves Matplotlib's style as it was."""
    with plt.style.context("default"), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        axes: Axes = np.ravel(plot(study, target_name=file.metric))[0]
        figure = axes.get_figure(root=True)
        assert isinstance(figure, Figure)
        plt.close(figure)
    figure.set_layout_engine("constrained")
    return figure


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
