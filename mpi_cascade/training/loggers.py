"""Where a run logs to: ``metrics.csv``, and Weights & Biases even where it can't be reached."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from mpi_cascade.results.files import whole_file
from mpi_cascade.results.messages import process_rank, say
from mpi_cascade.results.wandb import mode, start_run
from mpi_cascade.training.recording import WANDB_RUN_KEY


def make_loggers(directory: Path, continued: Mapping[str, Any]) -> list[Logger]:
    """Returns the logger of ``metrics.csv``, and that of Weights & Biases unless it is disabled.

    Args:
        directory: Directory of the run.
        continued: Contents of the checkpoint of the run that goes on in the directory, if any.
    """
    metrics = MetricsFile(directory, continued.get("global_step", 0))
    if mode() == "disabled":  # No figure is drawn for it then.
        return [metrics]
    options = {"id": continued.get(WANDB_RUN_KEY), "resume": "allow"}
    # Only the first process has a run.
    run = start_run(directory, **options) if process_rank() == 0 else None
    return [metrics, WandbLogger(experiment=run, save_dir=directory)]


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
            with whole_file(self.path) as partial, partial.open("w", newline="") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(self._rows)
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
