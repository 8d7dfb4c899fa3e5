"""Results in Weights & Biases, offline even where its server can't be reached."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb
from matplotlib.figure import Figure

from mpi_cascade.results.messages import say

PROJECT = "mpi_cascade"


def mode() -> str:
    """Returns how W&B is used: ``WANDB_MODE``, online for a sweep's agent, else offline."""
    return os.environ.get("WANDB_MODE") or (
        "online" if "WANDB_SWEEP_ID" in os.environ else "offline"
    )


def start_run(directory: Path, **options: Any) -> wandb.Run:
    """Starts a run, offline with a sentence where the server can't be reached.

    Args:
        directory: Directory of the run, which has its name.
        **options: Further arguments of ``wandb.init``.
    """
    options |= {
        "project": PROJECT, "name": directory.name, "dir": directory,
        "settings": wandb.Settings(silent=True),
    }  # fmt: skip
    try:
        return wandb.init(mode=mode(), **options)  # type: ignore[arg-type]
    except wandb.Error as error:
        reason = str(error).splitlines()[0].rstrip(".")
        say(
            f"Weights & Biases can't be used ({reason}): the run is logged offline to "
            f"{directory}/wandb, and wandb sync uploads it later"
        )
        return wandb.init(mode="offline", **options)


def log_results(
    directory: Path,
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    figures: Mapping[str, Figure],
) -> None:
    """Logs a table and pictures, in a run of their own.

    Args:
        directory: Directory of the run.
        name: What the run does, and the first part of their keys.
        columns: Names of the table's columns.
        rows: Its rows.
        figures: The pictures by name.
    """
    table = wandb.Table(columns=list(columns), data=[list(row) for row in rows])
    pictures = {f"{name}/{key}": wandb.Image(figure) for key, figure in figures.items()}
    with start_run(directory, job_type=name) as run:
        run.log({f"{name}/results": table, **pictures})
