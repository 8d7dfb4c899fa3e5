"""Trials → one row per setting, with the interval over its seeds."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mpi_cascade.evaluation.intervals import student_interval
from mpi_cascade.sweep.study import State, Trial

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


def settings(trials: Iterable[Trial], is_maximised: bool) -> list[Setting]:
    """Returns every setting of which a seed has logged the metric, best first.

    Args:
        trials: The trials.
        is_maximised: Whether a higher metric is better.
    """
    groups: dict[str, dict[tuple[Any, ...], Trial]] = defaultdict(dict)
    for trial in trials:
        if trial.value is not None:
            key = json.dumps(without_seeds(trial.parameters), sort_keys=True)
            seeds = tuple(trial.parameters.get(name) for name in SEEDS)
            groups[key].setdefault(seeds, trial)
    found = [_setting(list(of_seeds.values())) for of_seeds in groups.values()]
    return sorted(found, key=lambda item: item.value, reverse=is_maximised)


def without_seeds(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the parameters that make another setting."""
    return {name: value for name, value in parameters.items() if name not in SEEDS}


def varying(found: Sequence[Setting]) -> list[str]:
    """Returns the parameters that are not the same in every setting."""
    first = found[0].parameters if found else {}
    return [
        name for name, value in first.items()
        if any(item.parameters[name] != value for item in found)
    ]  # fmt: skip


def _setting(trials: list[Trial]) -> Setting:
    value, low, high = student_interval(np.array([trial.value for trial in trials], float))
    return Setting(
        parameters=without_seeds(trials[0].parameters),
        num_seeds=len(trials),
        num_stopped=sum(trial.state == State.STOPPED for trial in trials),
        value=value,
        low=low,
        high=high,
    )
