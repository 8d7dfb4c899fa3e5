from collections.abc import Callable
from pathlib import Path
from typing import Any

import command_line
import pytest
import torch
import yaml

from mpi_cascade.configurations import build_experiment
from mpi_cascade.trained import TrainedCascade, save


@pytest.fixture(scope="session")
def untrained() -> Callable[..., Path]:
    """Writes the checkpoint of a tiny cascade as a training of that seed begins."""

    def write(path: Path, seed: int = 0, weights: int = 0, **changes: dict[str, Any]) -> Path:
        configuration = yaml.safe_load(command_line.TINY.read_text())
        configuration |= {"seed_everything": seed, "model": {"learning_rate": 2e-3}}
        configuration["data"]["training_seed"] = seed
        for section, values in changes.items():
            configuration[section] |= values
        with torch.random.fork_rng():
            torch.manual_seed(weights)
            experiment = build_experiment(configuration["experiment"])
        save(TrainedCascade(experiment, experiment.cascade, configuration), path)
        return path

    return write


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory, untrained) -> list[Path]:
    """Two seeds of one cascade."""
    directory = tmp_path_factory.mktemp("seeds")
    return [untrained(directory / f"{seed}.ckpt", seed, seed) for seed in (0, 1)]


@pytest.fixture
def compare(tmp_path) -> Callable[..., tuple[Path, command_line.Ended]]:
    """Runs ``compare`` and returns its directory, and what it wrote on the terminal."""

    def command(*arguments: object) -> tuple[Path, command_line.Ended]:
        directory = tmp_path / "compared"
        ended = command_line.call("compare", *arguments, "--output", directory)
        assert ended.status == 0, ended.errors
        return directory, ended

    return command
