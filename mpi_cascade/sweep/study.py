"""The study in a sweep's directory: Optuna's record of its trials, held by one command at a time."""

import itertools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from mpi_cascade.checks import InputError
from mpi_cascade.results.directory import make_directory
from mpi_cascade.sweep.definition import SweepFile
from mpi_cascade.sweep.searching import grid, sampler

_NAME = "sweep"

STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "stopped early",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "unfinished",
}
"""What became of a trial, in words."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep and its trials.

    A trial's ``user_attrs`` hold its ``directory`` in that of the sweep, the ``seconds`` of all its
    attempts, and of a failed one the ``message``.

    Attributes:
        file: The sweep file.
        directory: Where everything lies.
        study: The trials.
        interrupted: Those that earlier commands have begun and not ended.
    """

    file: SweepFile
    directory: Path
    study: optuna.Study
    interrupted: list[optuna.Trial]

    @property
    def lock(self) -> Path:
        """A database that the command and its trials hold as long as they run."""
        return self.directory / ".lock"

    @property
    def trials(self) -> list[FrozenTrial]:
        """The trials in the order of their numbers."""
        return self.study.get_trials(deepcopy=False)

    def value(self, trial: FrozenTrial) -> float | None:
        """Returns the best value of the metric that a trial logged; None if it doesn't count."""
        if trial.state == TrialState.PRUNED:
            return self.file.best(trial.intermediate_values.values())
        return trial.value

    def ask(self) -> optuna.Trial:
        """Returns a new trial: the next of a grid, or what the sampler chooses."""
        number, space = len(self.trials), self.file.space
        if self.file.method == "grid":
            combinations = itertools.product(*map(grid, space.values()))
            values = next(itertools.islice(combinations, number, None))
            self.study.enqueue_trial(dict(zip(space, values, strict=True)))
        self.study.sampler = sampler(self.file.method, number)
        return self.study.ask(space)


@contextmanager
def open_sweep(directory: Path, file: SweepFile) -> Iterator[Sweep]:
    """Gives a sweep, new or as it was left, to this process alone.

    Args:
        directory: Directory of the sweep.
        file: The sweep file.

    Raises:
        InputError: If the directory holds something else or is in use.
    """
    database = directory / "study.db"
    if directory.is_dir() and any(directory.iterdir()) and not database.is_file():
        raise InputError(
            f"{directory} holds something that is no sweep: choose another directory with --output"
        )
    make_directory(directory)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    interrupted: list[optuna.Trial] = []
    with _held(directory), closing_storage(database) as storage:
        study = optuna.create_study(
            storage=storage, pruner=file.pruner, study_name=_NAME, load_if_exists=True,
            direction="maximize" if file.is_maximised else "minimize",
        )  # fmt: skip
        sweep = Sweep(file=file, directory=directory, study=study, interrupted=interrupted)
