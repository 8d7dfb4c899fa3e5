"""The study in a sweep's directory: Optuna's record of the trials, held by one command."""

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

    The ``user_attrs`` of a trial are its ``directory`` in that of the sweep, the ``seconds`` of all
    its attempts, and of a failed one the ``message``.

    Attributes:
        file: The sweep file.
        directory: Where everything lies.
        study: The trials.
        storage: What keeps them.
    """

    file: SweepFile
    directory: Path
    study: optuna.Study
    storage: RDBStorage

    @property
    def lock(self) -> Path:
        """A database that the command and its trials hold open as long as they run."""
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

    def unfinished(self) -> list[optuna.Trial]:
        """Returns the trials that were begun and haven't ended."""
        study_id = self.storage.get_study_id_from_name(_NAME)
        return [
            optuna.Trial(
                self.study,
                self.storage.get_trial_id_from_study_id_trial_number(study_id, trial.number),
            )
            for trial in self.trials
            if trial.state == TrialState.RUNNING
        ]

    def ask(self) -> optuna.Trial:
        """Returns a new trial: the next of a grid, or what the sampler chooses."""
        number, space = len(self.trials), self.file.space
        if self.file.method == "grid":
            # Optuna's own grid sampler ends a loop of Optuna's own.
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
    storage = RDBStorage(f"sqlite:///{database}")
    try:
        study = optuna.create_study(
            storage=storage, pruner=file.pruner, study_name=_NAME, load_if_exists=True,
            direction="maximize" if file.is_maximised else "minimize",
        )  # fmt: skip
        sweep = Sweep(file=file, directory=directory, study=study, storage=storage)
        with _held(sweep):
            content = json.dumps(file.content, default=str, sort_keys=True)
            if study.user_attrs.get("sweep", content) != content:
                raise InputError(
                    f"{directory} holds the trials of another sweep than {file.path} as it is now: "
                    "choose another directory with --output"
                )
            study.set_user_attr("sweep", content)
            yield sweep
    finally:
        storage.remove_session()
        storage.engine.dispose()


@contextmanager
def _held(sweep: Sweep) -> Iterator[None]:
    """Holds a sweep against other commands, by locks of SQLite, which end with their process."""
    with closing(sqlite3.connect(sweep.lock, timeout=0, isolation_level=None)) as lock:
        try:
            # Nobody else holds it, not even a trial whose command has died.
            lock.execute("BEGIN EXCLUSIVE")
            lock.execute("COMMIT")
            # From here on trials may, and no other command.
            lock.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise InputError(
                f"{sweep.directory} is in use by another sweep command, or by a trial of one that "
                "has just ended: wait a minute, or end it"
            ) from error
        yield
