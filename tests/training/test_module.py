import torch
from torch import nn

from mpi_cascade.data.sampling import SampleKeys
from mpi_cascade.models.preliminary import DenseInverse
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.training.datamodule import SimulatedDataModule, Stream
from mpi_cascade.training.module import CascadeModule


def test_overfits_a_single_batch(small_scanner):
    torch.manual_seed(0)
    data = SimulatedDataModule(scanner=small_scanner, image_shape=(16, 16))
    sample = data.simulate(SampleKeys(Stream.TRAINING, torch.arange(4)))
    module = CascadeModule(DenseInverse(small_scanner, (16, 16)), ResidualUNet((16, 32)))
    module.log = lambda *arguments, **options: None
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    losses = []
    for _ in range(300):
        loss = module.training_step(sample, 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 1e-2 * losses[0]


def test_loss_is_the_final_one_plus_the_weighted_preliminary_one(small_scanner):
    data = SimulatedDataModule(scanner=small_scanner, image_shape=(16, 16))
    sample = data.simulate(SampleKeys(Stream.TRAINING, torch.arange(4)))
    module = CascadeModule(
        DenseInverse(small_scanner, (16, 16)), ResidualUNet((8,)),
        final_loss=nn.L1Loss(), preliminary_loss=nn.MSELoss(), preliminary_weight=0.7,
    )  # fmt: skip
    logged = {}
    module.log = lambda key, value, **options: logged.update({key: value.item()})
    loss = module.training_step(sample, 0).item()
    preliminary, final = module(sample.signal)
    expected = (final - sample.concentration).abs().mean()
    expected = expected + 0.7 * (preliminary - sample.concentration).square().mean()
    torch.testing.assert_close(loss, expected.item(), rtol=1e-5, atol=0)
    torch.testing.assert_close(logged["train/loss"], loss, rtol=1e-6, atol=0)
