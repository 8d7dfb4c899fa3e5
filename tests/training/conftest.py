import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mpi_cascade.cli import main

TINY = Path(__file__).parent / "tiny.yaml"


@pytest.fixture
def run(tmp_path, monkeypatch) -> Callable[..., Path]:
    """Runs the command line in this process and returns the run directory."""
    monkeypatch.delenv("MPI_CASCADE_RUN_DIRECTORY", raising=False)

    def command(subcommand: str, *arguments: str, config: Path = TINY) -> Path:
        root = f"--trainer.default_root_dir={tmp_path / 'runs'}"
        before = set((tmp_path / "runs").glob("*"))
        argv = ["mpi_cascade", subcommand, "--config", str(config), root, *arguments]
        monkeypatch.setattr(sys, "argv", argv)
        main()
        new = set((tmp_path / "runs").glob("*")) - before
        return new.pop() if new else before.pop()

    return command
