"""Cascades in two processes of plain DDP, without Lightning, whose own runs take far longer."""

import torch
from experiments import small_experiment
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from mpi_cascade.experiment import Experiment
from mpi_cascade.models.preliminary import FixedTikhonov, SpectralInverse, TikhonovBank, Unrolled
from mpi_cascade.models.refinement import ResidualCNN, ResidualUNet
from mpi_cascade.randomness import Stream
from mpi_cascade.scans.sampling import keys_of
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.strategies import (
    DeepSupervision,
    Joint,
    Moment,
    Staged,
    StagedThenFineTuned,
)

STRATEGIES = (Joint(), DeepSupervision(), Staged(), StagedThenFineTuned())


class _Loss(nn.Module):
    """The loss of a module, as DDP wants it: the output of a ``forward``."""

    def __init__(self, module: CascadeModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, sample: Sample, moment: Moment) -> Tensor:
        return self.module.losses(sample, moment)["loss"]


def train_every_cascade(rank: int, world_size: int, rendezvous: str) -> None:
    """Trains every kind of cascade by every strategy; fails unless the processes stay equal."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world_size
    )
    for experiment in _every_pair_of_stages():
        data = SimulatedDataModule(experiment)
        sample = data.simulate(keys_of(Stream.TRAINING, range(2 * rank, 2 * rank + 2)))
        for strategy in STRATEGIES:
            _train(_Loss(CascadeModule(experiment)), strategy.phases, sample)
    distributed.destroy_process_group()


def _every_pair_of_stages() -> list[Experiment]:
    torch.manual_seed(0)
    return [
        small_experiment(SpectralInverse(2, 4), ResidualUNet((8,))),
        small_experiment(Unrolled(2, 4), ResidualCNN(4, 2)),
        small_experiment(SpectralInverse(2, 4), nn.Identity()),
        small_experiment(FixedTikhonov(), ResidualUNet((8,))),
        small_experiment(TikhonovBank(2, 4), ResidualUNet((8,))),
        small_experiment(nn.Identity(), ResidualUNet((8,))),
    ]


def _train(loss: _Loss, phases, sample: Sample) -> None:
    parallel = DistributedDataParallel(loss)
    optimizer = torch.optim.SGD(loss.parameters(), lr=1e-2)
    for phase in phases:
        # DDP notices in the second step what it has waited for in vain in the first.
        for progress in (0.4, 0.8):
            optimizer.zero_grad()
            parallel(sample, Moment(phase, progress)).backward()
            optimizer.step()
    for weight in loss.parameters():
        others = [torch.empty_like(weight) for _ in range(distributed.get_world_size())]
        distributed.all_gather(others, weight.detach())
        assert all(torch.equal(other, weight) for other in others)
