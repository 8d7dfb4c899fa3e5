"""Where a run logs to: ``metrics.csv``, and Weights & Biases even where it can't be reached."""

import csv
import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from mpi_cascade.results.messages import say
from mpi_cascade.training.recording import WANDB_RUN_KEY


def make_loggers(directory: Path, continued: Mapping[str, Any] | None) -> list[Logger]:
    """Returns the logger of ``metrics.csv`` and that of Weights & Biases.

    W&B is offline unless ``WANDB_MODE`` says otherwise or a sweep agent started the run.

    Args:
        directory: Directory of the run.
        continued: Contents of the checkpoint of the run that goes on in the directory, if one does.
    """
    mode = os.environ.get("WANDB_MODE") or (
        "online" if "WANDB_SWEEP_ID" in os.environ else "offline"
    )
    continued = continued or {}
    return [
        MetricsFile(directory, continued.get("global_step", 0)),
        PatientWandbLogger(
            project="mpi_cascade",
            name=directory.name,
            save_dir=directory,
            offline=mode != "online",
            id=continued.get(WANDB_RUN_KEY),
            settings=wandb.Settings(silent=True),
        ),
    ]


class MetricsFile(Logger):
    """Writes ``metrics.csv``, and keeps the rows of the run that is continued.

    On a full disk the rows wait in memory for the next time; a process that is killed leaves a
    file that can be read.

    Args:
        directory: Directory of the run.
        resume_step: Rows of earlier steps are kept, later ones will be logged again.
    """

    def __init__(self, directory: Path, resume_step: int = 0) -> None:
        super().__init__()
        self.path = directory / "metrics.csv"
        self._partial = self.path.with_suffix(".partial")
        self._columns: list[str] = []
        self._rows = _rows_before(resume_step, self.path)
        self._num_written = 0
        self._has_failed = False

    @property
    def name(self) -> str:
        """Returns nothing: the directory has the run's name."""
        return ""

    @property
    def version(self) -> str:
        """Returns nothing."""
        return ""

    @property
    def save_dir(self) -> str:
        """Returns the directory of the run."""
        return str(self.path.parent)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Writes nothing: ``config.yaml`` has them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Adds one row."""
        self._rows.append({**metrics, "step": step})

    @rank_zero_only
    def save(self) -> None:
        """Writes the rows that are not yet in the file."""
        try:
            self._write()
        except OSError as error:
            # What has been written of the last row may be torn: the next time writes all of them.
            self._columns = []
            self._partial.unlink(missing_ok=True)
            if not self._has_failed:
                say(f"{self.path} can't be written ({error.strerror}): training goes on, and tries "
                    "again with every further value")  # fmt: skip
            self._has_failed = True
        else:
            self._has_failed = False

    def _write(self) -> None:
        if self._num_written == len(self._rows):
            return
        columns = sorted(set(self._columns).union(*self._rows[self._num_written :]))
        if columns == self._columns:
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, columns).writerows(self._rows[self._num_written :])
        else:
            columns = sorted(set().union(*self._rows))
            with self._partial.open("w", newline="") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(self._rows)
            self._partial.replace(self.path)
        self._columns, self._num_written = columns, len(self._rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Writes what has not been written."""
        self.save()


def _rows_before(step: int, path: Path) -> list[dict[str, Any]]:
    """Returns the rows of earlier steps, without a line torn by the end of a process."""
    if not step or not path.is_file():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [
        {name: value for name, value in row.items() if value}
        for row in csv.DictReader(line for line in lines if line.endswith("\n"))
        if int(row["step"]) < step
    ]


def start_wandb_run(directory: Path, job_type: str) -> wandb.Run:
    """Starts a run of Weights & Biases that isn't a training's.

    It is offline unless ``WANDB_MODE`` is ``online``, and, with a sentence, where the server can't
    be reached.

    Args:
        directory: Directory of the run, which has its name.
        job_type: What the run does.
    """
    is_online = os.environ.get("WANDB_MODE") == "online"
    start = functools.partial(
        wandb.init, project="mpi_cascade", name=directory.name, job_type=job_type, dir=directory,
        settings=wandb.Settings(silent=True),
    )  # fmt: skip
    try:
        return start(mode="online" if is_online else "offline")
    except wandb.Error as error:
        _say_offline(error, directory)
        return start(mode="offline")


def _say_offline(error: wandb.Error, directory: str | Path | None) -> None:
    reason = str(error).splitlines()[0].rstrip(".")
    say(
        f"Weights & Biases can't be used ({reason}): the run is logged offline to "
        f"{directory}/wandb, and wandb sync uploads it later"
    )


class PatientWandbLogger(WandbLogger):
    """Logs offline, and says so, where the server of Weights & Biases can't be reached."""

    @property
    def experiment(self) -> Any:
        """Returns the run, which is started at the first call."""
        try:
            return super().experiment
        except wandb.Error as error:
            _say_offline(error, self._save_dir)
            self._wandb_init["mode"] = "offline"
            return super().experiment
