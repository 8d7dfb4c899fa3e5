"""Trials → one row per setting, with the interval over its seeds."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from mpi_cascade.evaluation.confidence import student_interval
from mpi_cascade.sweep.study import Sweep

SEEDS = ("seed_everything", "data.training_seed")
"""Parameters that make a trial another seed of the same setting."""


class Setting(NamedTuple):
    """What the seeds of one setting reached.

    Attributes:
        parameters: Its values by name, without seeds.
        num_seeds: Seeds of which a trial has logged the metric; trials of one seed are one
            training, of which the first counts.
        num_stopped: Those of them that were stopped early.
        value: Mean over the seeds of the best value that each logged.
        low: Lower end of its 95 % interval over seeds (Student's t); NaN for one seed.
        high: Upper end.
    """

    parameters: dict[str, Any]
    num_seeds: int
    num_stopped: int
    value: float
    low: float
    high: float


def settings(sweep: Sweep) -> list[Setting]:
    """Returns every setting of which a seed has logged the metric, best first."""
    groups: dict[str, dict[tuple[Any, ...], FrozenTrial]] = defaultdict(dict)
    for trial in sweep.trials:
        if sweep.value(trial) is not None:
            key = json.dumps(_without_seeds(trial), sort_keys=True)
            groups[key].setdefault(tuple(map(trial.params.get, SEEDS)), trial)
    found = [_setting(sweep, list(of_seeds.values())) for of_seeds in groups.values()]
    return sorted(found, key=lambda item: item.value, reverse=sweep.file.is_maximised)


def varying(found: Sequence[Setting]) -> list[str]:
    """Returns the parameters that are not the same in every setting."""
    first = found[0].parameters if found else {}
    return [
        name for name, value in first.items()
        if any(item.parameters[name] != value for item in found)
    ]  # fmt: skip


def _setting(sweep: Sweep, trials: list[FrozenTrial]) -> Setting:
    value, low, high = student_interval(np.array([sweep.value(trial) for trial in trials], float))
    return Setting(
        parameters=_without_seeds(trials[0]),
        num_seeds=len(trials),
        num_stopped=sum(trial.state == TrialState.PRUNED for trial in trials),
        value=value,
        low=low,
        high=high,
    )


def _without_seeds(trial: FrozenTrial) -> dict[str, Any]:
    return {name: value for name, value in trial.params.items() if name not in SEEDS}
