from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import TINY

from mpi_cascade.cli import main


@pytest.fixture
def fit(tmp_path, monkeypatch) -> Callable[..., Path]:
    """Trains in this process, without Tikhonov and pictures, and returns the run's directory."""
    for module in ("training.figures", "evaluation.pictures"):
        monkeypatch.setattr(f"mpi_cascade.{module}.pair_figures", lambda *arguments: {})

    def run(name: str, *options: str | Path) -> Path:
        directory = tmp_path / name
        chosen = ["--output", directory, "--report.tikhonov=false", *options]
        main(["fit", "--config", str(TINY), *map(str, chosen)])
        return directory

    return run


@pytest.fixture
def resume(fit) -> Callable[..., None]:
    """Goes on with a training in this process, in the directory that it chooses."""

    def run(checkpoint: Path, *options: str | Path) -> None:
        main(["fit", "--resume", str(checkpoint), *map(str, options)])

    return run
