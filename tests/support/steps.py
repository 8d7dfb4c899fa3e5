"""Refinements in steps on a small scanner, and what their networks see."""

import torch
from torch import nn

from mpi_cascade.models.stages import SignalRefinement
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

SHAPE = (16, 16)
MODEL = ForwardModel(Scanner(num_ffp_x=16, num_ffp_y=16), SHAPE)
TALL = ForwardModel(Scanner(num_ffp_x=16, num_ffp_y=16, harmonics=(2, 3)), SHAPE)
"""Twice as many measurements as pixels."""


class Recorder(nn.Module):
    """Adds the smoothest residual to the image, and remembers what entered."""

    def __init__(self) -> None:
        super().__init__()
        self.channels: list[torch.Tensor] = []
        self.told: list[torch.Tensor] = []

    def forward(self, channels, *told):
        self.channels.append(channels)
        self.told += told
        return channels[:, :1] + channels[:, -1:]


def stage_of(kind: type[SignalRefinement], network: nn.Module, model=MODEL, **options):
    """A refinement of a kind that knows the scanner, and so do its conditions."""
    stage = kind(network, **options)
    for part in (stage, *getattr(stage, "conditions", ())):
        part.use(model)
    return stage


def images(seed: int, num: int = 3) -> torch.Tensor:
    return torch.rand(num, 1, *SHAPE, generator=torch.Generator().manual_seed(seed))
