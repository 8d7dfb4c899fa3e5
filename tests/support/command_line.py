"""The command line, run in this process."""

import sys
from pathlib import Path

import pytest

from mpi_cascade.cli import main

TINY = Path(__file__).parents[1] / "training" / "tiny.yaml"


def run(
    monkeypatch: pytest.MonkeyPatch, root: Path, subcommand: str, *arguments: str, config: Path
) -> Path:
    """Runs a subcommand below the root of all runs and returns its run directory."""
    before = set(root.glob("*"))
    argv = ["mpi_cascade", subcommand, "--config", str(config)]
    monkeypatch.setattr(sys, "argv", [*argv, f"--trainer.default_root_dir={root}", *arguments])
    main()
    new = set(root.glob("*")) - before
    return new.pop() if new else before.pop()
