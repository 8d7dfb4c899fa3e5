"""Cascades of a small scanner that reconstruct without any training."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from mpi_cascade.configurations import build_experiment
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.trained import TrainedCascade, save

SQUARE: dict[str, Any] = {
    "scanner": {"num_ffp_x": 16, "num_ffp_y": 16},
    "image_shape": [16, 16],
    "preliminary": "mpi_cascade.models.preliminary.FixedTikhonov",
    "refinement": {
        "class_path": "mpi_cascade.models.refinement.ResidualCNN",
        "init_args": {"num_features": 4, "num_layers": 2},
    },
}

LINE: dict[str, Any] = {
    **SQUARE,
    "scanner": {
        "num_ffp_x": 16, "num_ffp_y": 1, "harmonics": [2, 3],
        "particle": {"relaxation_time_s": 2e-6},
    },
    "image_shape": [1, 16],
}  # fmt: skip
"""Two complex harmonics of a line scan."""

ANY_SCANNER: dict[str, Any] = {
    **SQUARE,
    "refinement": {
        "class_path": "mpi_cascade.models.conditioned.ConditionedRefinement",
        "init_args": {
            "network": {
                "class_path": "mpi_cascade.models.refinement.ResidualUNet",
                "init_args": {"num_features": [4, 4], "num_channels": 5, "num_told": 8},
            },
            "conditions": [
                "mpi_cascade.models.conditions.PsfDetail",
                "mpi_cascade.models.conditions.NoiseLevel",
            ],
        },
    },
}
"""Weights that hold no scanner."""


WITH_INTERVALS: dict[str, Any] = {
    **SQUARE,
    "intervals": {
        "class_path": "mpi_cascade.models.intervals.IntervalHead",
        "init_args": {
            "network": {
                "class_path": "mpi_cascade.models.refinement.ResidualUNet",
                "init_args": {"num_features": [4, 4], "num_channels": 4, "num_corrected": 2},
            },
            "conditions": ["mpi_cascade.models.conditions.NoiseLevel"],
        },
    },
}
"""Beside the images there are intervals, of a head that no training has had."""


class Saved(NamedTuple):
    """A cascade, its checkpoint, and scans of phantoms that no training has."""

    checkpoint: Path
    cascade: TrainedCascade
    signal: torch.Tensor


def tiny_cascade(description: dict[str, Any], **data: Any) -> TrainedCascade:
    """Returns a cascade whose refinement changes little, the same at every call."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        experiment = build_experiment(description)
        for weight in experiment.refinement.parameters():
            weight.mul_(0.1)
        if experiment.intervals is not None:
            # All of one width.
            for weight in experiment.intervals.network.exit.parameters():
                weight.zero_()
    configuration = {"experiment": description, "data": {"training_seed": 0, **data}}
    return TrainedCascade(experiment, experiment.cascade.eval(), configuration)


def saved(path: Path, description: dict[str, Any], num_scans: int = 40) -> Saved:
    """Returns a cascade that was written to a file, and scans for it."""
    cascade = tiny_cascade(description)
    save(cascade, path)
    streams = RandomStreams(0, 100, torch.arange(num_scans))
    experiment = cascade.experiment
    return Saved(path, cascade, experiment.scans.scan(experiment.mixture, streams).signal)
