"""The command line, run in this process."""

import sys
from pathlib import Path

import pytest

from mpi_cascade.cli import main

TINY = Path(__file__).parents[1] / "training" / "tiny.yaml"

SMALL = (
    "--trainer.accelerator=cpu", "--trainer.devices=1", "--trainer.strategy=auto",
    "--trainer.callbacks=null", "--trainer.fast_dev_run=true",
    "--data.batch_size=2", "--data.samples_per_epoch=2", "--data.evaluation_batch_size=2",
    "--data.num_validation=4", "--data.num_test=4", "--data.two_points.cases_per_gap=4",
    "--data.image_shape=[32,32]", "--data.scanner.num_ffp_x=32", "--data.scanner.num_ffp_y=32",
)  # fmt: skip
"""What makes a step of any config one of seconds."""


def run(
    monkeypatch: pytest.MonkeyPatch, root: Path, subcommand: str, *arguments: str, config: Path
) -> Path:
    """Runs a subcommand below the root of all runs and returns its run directory."""
    before = set(root.glob("*"))
    default_root = f"--trainer.default_root_dir={root}"
    command(monkeypatch, subcommand, "--config", config, default_root, *arguments)
    new = set(root.glob("*")) - before
    return new.pop() if new else before.pop()


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    """Runs a subcommand as the shell would."""
    monkeypatch.setattr(sys, "argv", ["mpi_cascade", *map(str, arguments)])
    main()
