import sys
from collections.abc import Callable
from pathlib import Path

import command_line
import pytest
import torch
import yaml

from mpi_cascade.cli import main
from mpi_cascade.training.recording import CONFIG_KEY


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> list[Path]:
    """Two seeds of one small cascade, trained for six steps."""
    root = tmp_path_factory.mktemp("trainings")
    with pytest.MonkeyPatch.context() as monkeypatch:
        directories = [
            command_line.run(
                monkeypatch, root, "fit", "--trainer.max_epochs=1", "--report.tikhonov=false",
                f"--data.training_seed={seed}", f"--seed_everything={seed}",
                config=command_line.TINY,
            )
            for seed in (0, 1)
        ]  # fmt: skip
    return [directory / "checkpoints" / "last.ckpt" for directory in directories]


@pytest.fixture
def changed(checkpoints, tmp_path) -> Callable[[dict], Path]:
    """Writes a copy of the first checkpoint with another configuration of data and trainer."""

    def change(data: dict, trainer: dict | None = None) -> Path:
        contents = torch.load(checkpoints[0], weights_only=True)
        config = yaml.safe_load(contents[CONFIG_KEY])
        scanner = config["data"]["scanner"] | data.pop("scanner", {})
        config["data"] |= {**data, "scanner": scanner}
        config["trainer"] |= trainer or {}
        path = tmp_path / "changed.ckpt"
        torch.save(contents | {CONFIG_KEY: yaml.safe_dump(config)}, path)
        return path

    return change


@pytest.fixture
def compare(monkeypatch, tmp_path) -> Callable[..., Path]:
    """Runs ``compare`` from the command line and returns its directory."""

    def command(*arguments: str) -> Path:
        directory = tmp_path / "compared"
        argv = ["mpi_cascade", "compare", *arguments, "--output", str(directory)]
        monkeypatch.setattr(sys, "argv", argv)
        main()
        return directory

    return command
