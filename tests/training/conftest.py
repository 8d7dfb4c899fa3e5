from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import TINY

from mpi_cascade.cli import main


@pytest.fixture
def fit(tmp_path) -> Callable[..., Path]:
    """Trains in this process, without Tikhonov, and returns the directory of the run."""

    def run(name: str, *options: str | Path) -> Path:
        directory = tmp_path / name
        chosen = ["--output", directory, "--report.tikhonov=false", *options]
        main(["fit", "--config", str(TINY), *map(str, chosen)])
        return directory

    return run
