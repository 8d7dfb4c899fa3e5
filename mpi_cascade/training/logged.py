"""The names of all that a training logs, known before it runs."""

import torch

from mpi_cascade.evaluation.table import logged_metrics
from mpi_cascade.training.configuration import Built
from mpi_cascade.training.strategies import INTERVAL_LOSS, Moment
from mpi_cascade.training.throughput import SPEED


@torch.no_grad()
def logged_names(built: Built) -> list[str]:
    """Returns the losses, the metrics of validation and test, and the speed that a training logs.

    Args:
        built: What would be trained.
    """
    built.module.take_scanners(built.data)
    sample = built.data.training_samples(2)
    phases = built.module.strategy.phases
    losses = {name for phase in phases for name in built.module.losses(sample, Moment(phase, 0.5))}
    evaluated = [
        f"{split}/{name}" for split in ("val", "test")
        for name in logged_metrics(built.data.validation)
    ]  # fmt: skip
    if built.module.cascade.intervals is not None:
        evaluated.append(INTERVAL_LOSS)
    return [*(f"train/{name}" for name in sorted(losses)), *evaluated, *SPEED]
