import torch
from experiments import small_experiment
from torch import nn

from mpi_cascade.models.preliminary import DenseInverse
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.strategies import DeepSupervision


def test_overfits_a_single_batch():
    torch.manual_seed(0)
    experiment = small_experiment(DenseInverse(), ResidualUNet((16, 32)))
    sample = SimulatedDataModule(experiment).training_samples(4)
    module = CascadeModule(experiment)
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    losses = []
    for _ in range(300):
        loss = module.losses(sample, DeepSupervision().at(0.5))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 1e-2 * losses[0]


def test_loss_is_the_final_one_plus_the_weighted_preliminary_one():
    experiment = small_experiment(DenseInverse())
    sample = SimulatedDataModule(experiment).training_samples(4)
    module = CascadeModule(
        experiment, final_loss=nn.L1Loss(), preliminary_loss=nn.MSELoss(),
        strategy=DeepSupervision(first_weight=0.5, last_weight=0.9),
    )  # fmt: skip
    losses = module.losses(sample, module.strategy.at(0.5))
    preliminary, final = module(sample.signal)
    expected = (final - sample.concentration).abs().mean()
    expected = expected + 0.7 * (preliminary - sample.concentration).square().mean()
    torch.testing.assert_close(losses["loss"].item(), expected.item(), rtol=1e-5, atol=0)
    assert losses.keys() == {"loss", "final_loss", "preliminary_loss"}
