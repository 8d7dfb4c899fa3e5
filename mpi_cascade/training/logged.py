"""What a training logs, known before it runs."""

import torch

from mpi_cascade.scans.sampling import SampleKeys
from mpi_cascade.training.datamodule import SimulatedDataModule, Stream
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.strategies import Moment
from mpi_cascade.training.throughput import SPEED


@torch.no_grad()
def logged_names(model: CascadeModule, data: SimulatedDataModule) -> list[str]:
    """Returns the losses, the metrics of validation and test, and the speed that a training logs.

    Args:
        model: What would be trained.
        data: Its scans.
    """
    model.prepare(data)
    sample = data.simulate(SampleKeys(Stream.TRAINING, torch.arange(2)))
    phases = model.strategy.phases
    losses = {name for phase in phases for name in model.losses(sample, Moment(phase, 0.5))}
    evaluated = [
        f"{split}/{image}/{name}"
        for split in ("val", "test")
        for image, metrics in model.metrics.items()
        for name in metrics.names
    ]
    return [*(f"train/{name}" for name in sorted(losses)), *evaluated, *SPEED]
