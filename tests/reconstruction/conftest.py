import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import command_line
import pytest
import torch

from mpi_cascade.cli import main
from mpi_cascade.scans.sampling import SampleKeys
from mpi_cascade.training.datamodule import Stream
from mpi_cascade.training.parts import TrainedCascade, load_cascade

LINE = (
    "--data.scanner.num_ffp_y=1", "--data.image_shape=[1,16]", "--data.scanner.harmonics=[2,3]",
    "--data.scanner.particle.relaxation_time_s=2e-6",
    "--model.refinement=mpi_cascade.models.refinement.ResidualCNN",
    "--model.refinement.num_features=4", "--model.refinement.num_layers=2",
)  # fmt: skip


class Trained(NamedTuple):
    checkpoint: Path
    cascade: TrainedCascade
    signal: torch.Tensor


def train(root: Path, *options: str) -> Trained:
    """A small cascade trained for six steps, and 40 scans of other phantoms."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        directory = command_line.run(
            monkeypatch, root, "fit", "--trainer.max_epochs=1", "--report.tikhonov=false",
            *options, config=command_line.TINY,
        )  # fmt: skip
    checkpoint = directory / "checkpoints" / "last.ckpt"
    cascade = load_cascade(checkpoint)
    signal = cascade.data.simulate(SampleKeys(Stream.TEST, torch.arange(40))).signal
    return Trained(checkpoint, cascade, signal)


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Trained:
    return train(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def trained_on_lines(tmp_path_factory) -> Trained:
    """Two complex harmonics of a line scan."""
    return train(tmp_path_factory.mktemp("lines"), *LINE)


@pytest.fixture
def reconstruct(monkeypatch, tmp_path) -> Callable[..., Path]:
    """Runs ``reconstruct`` from the command line and returns its directory."""

    def command(*arguments: object) -> Path:
        directory = tmp_path / "reconstructed"
        argv = ["mpi_cascade", "reconstruct", *map(str, arguments), "--output", str(directory)]
        monkeypatch.setattr(sys, "argv", argv)
        main()
        return directory

    return command
