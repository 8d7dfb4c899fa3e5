"""Trials → one row per setting, with the interval over its seeds.

Must not know how rows are shown.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mpi_cascade.evaluation.intervals import student_interval
from mpi_cascade.sweep.engine import best
from mpi_cascade.sweep.record import Record, State, Trial

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


def value_of(record: Record, trial: Trial) -> float | None:
    """Returns the best value of the metric that a trial logged; None if it failed."""
    history = record.history(trial)
    if trial.state not in (State.FINISHED, State.STOPPED) or not history:
        return None
    return best(history, record.file.is_maximised)


def settings(record: Record) -> list[Setting]:
    """Returns every setting of which a seed has logged the metric, best first."""
    groups: dict[str, dict[tuple[Any, ...], tuple[Trial, float]]] = defaultdict(dict)
    for trial in record.trials:
        value = value_of(record, trial)
        if value is not None:
            key = json.dumps(_without_seeds(trial.parameters), sort_keys=True)
            seeds = tuple(trial.parameters.get(name) for name in SEEDS)
            groups[key].setdefault(seeds, (trial, value))
    found = [_setting(list(of_seeds.values())) for of_seeds in groups.values()]
    return sorted(found, key=lambda item: item.value, reverse=record.file.is_maximised)


def _setting(trials: list[tuple[Trial, float]]) -> Setting:
    values = np.array([value for _, value in trials])
    mean, low, high = (
        student_interval(values) if len(values) > 1 else (values[0].item(), np.nan, np.nan)
    )
    return Setting(
        parameters=_without_seeds(trials[0][0].parameters),
        num_seeds=len(trials),
        num_stopped=sum(trial.state == State.STOPPED for trial, _ in trials),
        value=mean,
        low=low,
        high=high,
    )


def _without_seeds(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in SEEDS}
