"""What a sweep remembers on disk: its trials, what became of them, and their metric.

Must not know how trials run, or which comes next.
"""

import csv
import fcntl
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from mpi_cascade.checks import InputError
from mpi_cascade.results.directory import make_directory
from mpi_cascade.sweep.definition import SweepFile

_LOCK = ".lock"


class State(StrEnum):
    """What became of a trial."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"
    STOPPED = "stopped early"
    FAILED = "failed"


@dataclass(kw_only=True)
class Trial:
    """One training of a sweep.

    Attributes:
        number: Its number, from 1.
        parameters: Its values by name.
        state: What became of it.
        attempt: How often it was started; an interrupted trial is run anew.
        seconds: Wall time of the last attempt.
        message: Why it failed.
    """

    number: int
    parameters: dict[str, Any]
    state: State = State.RUNNING
    attempt: int = 1
    seconds: float = 0.0
    message: str = ""


@dataclass(kw_only=True)
class Record:
    """All trials of a sweep, in its directory.

    Attributes:
        directory: The directory.
        file: The sweep.
        lock: A file that the sweep and its trials hold, so that no second one starts beside them.
        trials: The trials in the order of their numbers.
    """

    directory: Path
    file: SweepFile
    lock: IO[str]
    trials: list[Trial] = field(default_factory=list)

    def directory_of(self, trial: Trial) -> Path:
        """Returns the directory of a trial's last attempt."""
        again = f"-{trial.attempt}" if trial.attempt > 1 else ""
        return self.directory / "trials" / f"{trial.number:03d}{again}"

    def history(self, trial: Trial) -> list[float]:
        """Returns the finite values of the metric that a trial has logged so far, in order."""
        for path in self.directory_of(trial).glob("*/metrics.csv"):
            # A line without its end is still being written.
            lines = path.read_text().splitlines(keepends=True)
            rows = csv.DictReader(line for line in lines if line.endswith("\n"))
            values = [float(row[self.file.metric] or "nan") for row in rows
                      if self.file.metric in row]  # fmt: skip
            return [value for value in values if math.isfinite(value)]
        return []

    def save(self) -> None:
        """Writes all trials; at any moment the file is whole."""
        content = {"sweep": _plain(self.file), "trials": [asdict(trial) for trial in self.trials]}
        new = self.directory / "sweep.json.new"
        new.write_text(json.dumps(content, indent=1) + "\n")
        new.replace(self.directory / "sweep.json")


@contextmanager
def open_record(directory: Path, file: SweepFile) -> Iterator[Record]:
    """Gives the record of a sweep, new or as it was left, to this process alone.

    Args:
        directory: Directory of the sweep.
        file: The sweep.

    Raises:
        InputError: If the directory holds something else or is in use.
    """
    path = directory / "sweep.json"
    kept = {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()
    if kept - {_LOCK} and not path.is_file():
        raise InputError(
            f"{directory} holds something that is no sweep: choose another directory with --output"
        )
    make_directory(directory)
    with (directory / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"{directory} is in use by another sweep command, or by a trial that has outlived "
                "one: wait for it or end it"
            ) from error
        record = Record(directory=directory, file=file, lock=lock)
        if path.is_file():
            record.trials = _read_trials(path, file)
        record.save()
        yield record


def _read_trials(path: Path, file: SweepFile) -> list[Trial]:
    content = json.loads(path.read_text())
    if content["sweep"] != _plain(file):
        raise InputError(
            f"{path.parent} holds the trials of another sweep than {file.path} as it is now: "
            "choose another directory with --output"
        )
    trials = [Trial(**{**entry, "state": State(entry["state"])}) for entry in content["trials"]]
    for trial in trials:
        if trial.state == State.RUNNING:
            trial.state = State.INTERRUPTED
    return trials


def _plain(file: SweepFile) -> Any:
    """Returns what makes a sweep the same one, as JSON gives it back."""
    return json.loads(json.dumps(file.config, default=str))
