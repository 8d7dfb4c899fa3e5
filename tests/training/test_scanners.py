"""Training over scanners: shared weights, a scanner for every run of samples."""

from dataclasses import replace

import pytest
import torch
from command_line import TINY
from tiny_cascades import ANY_SCANNER

from mpi_cascade.checks import InputError
from mpi_cascade.configurations import build_experiment
from mpi_cascade.experiment import Experiment
from mpi_cascade.losses import DataConsistency, ImageRMSE, WeightedSum
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import Stream
from mpi_cascade.scans.sampling import keys_of
from mpi_cascade.scans.scanner_range import ScannerRange
from mpi_cascade.scans.varied import ScannerSpread
from mpi_cascade.training.configuration import build, read_training
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.scanners import training_scanners

SCANNERS = ScannerRange(num_positions=(16, 24), num_scanners=4)
SOME_POINTS = {
    "class_path": "mpi_cascade.phantoms.Points",
    "init_args": {"diameter_mm": [0.8, 1.2], "num_points": [1, 1]},
}


@pytest.fixture(scope="module")
def experiment():
    torch.manual_seed(0)
    return build_experiment(ANY_SCANNER)


@pytest.fixture(scope="module")
def data(experiment):
    return SimulatedDataModule(
        experiment, num_validation=8, scanners=SCANNERS, training_snr_db=(15.0, 50.0)
    )


def scans_of(data, indices):
    return data.simulate(keys_of(Stream.TRAINING, indices))


def test_a_sample_is_the_same_in_any_batch(data):
    whole, part = scans_of(data, range(64, 96)), scans_of(data, [70, 71])
    assert whole.scanner == part.scanner
    assert torch.equal(whole.signal[6:8], part.signal)
    assert torch.equal(whole.concentration[6:8], part.concentration)


def test_every_scanner_scans_its_runs(data):
    numbers = [scans_of(data, [32 * run]).scanner for run in range(24)]
    assert set(numbers) == {0, 1, 2, 3}


def test_a_batch_of_the_loader_is_that_of_its_scanner(data):
    keys = next(iter(data.train_dataloader()))
    found, expected = data.simulate(keys), scans_of(data, range(data.batch_size))
    assert found.scanner == expected.scanner and torch.equal(found.signal, expected.signal)


def test_runs_are_as_long_as_is_said():
    few = replace(SCANNERS, num_in_a_row=4, num_scanners=2)
    assert len({few.number(0, 4 * run) for run in range(24)}) == 2
    assert all(len({few.number(0, 4 * run + i) for i in range(4)}) == 1 for run in range(24))


def test_a_batch_of_several_scanners_is_refused_before_they_are_prepared(experiment, monkeypatch):
    few = replace(SCANNERS, num_in_a_row=4)
    said = r"a batch of 3 .* make data.batch_size one that 4 can be divided by"
    monkeypatch.setattr(Experiment, "on", None)
    with pytest.raises(InputError, match=said):
        SimulatedDataModule(experiment, batch_size=3, scanners=few)


def test_a_share_of_several_scanners_is_refused_once_the_processes_are_known(experiment):
    few = replace(SCANNERS, num_in_a_row=4, num_scanners=2)
    data = SimulatedDataModule(
        experiment, global_batch_size=6, num_validation=8, scanners=few, samples_per_epoch=12
    )
    data.training_batches(0, 3)
    with pytest.raises(InputError, match=r"a batch of 6 training scans has several scanners"):
        data.check_shares(1)


def test_compiling_stage_2_of_one_scanner_is_refused():
    callback = "--trainer.callbacks+=mpi_cascade.training.callbacks.CompileRefinement"
    scanners = ("--data.scanners.num_scanners", "2")
    config = read_training(["--config", str(TINY), callback, *scanners])
    with pytest.raises(InputError, match=r"^trainer.callbacks has CompileRefinement, .* leave it"):
        build(config)


def test_a_scanner_of_the_range_that_cannot_be_had_is_named_by_its_key(experiment):
    odd = replace(SCANNERS, num_positions=(18,))
    with pytest.raises(InputError, match=r"^scanner 0 of data.scanners: .*18"):
        training_scanners(experiment, odd, None, None)


def test_every_scanner_is_off_in_its_own_way(experiment):
    spread = ScannerSpread(gradient=0.05, num_scanners=2)
    shares = {
        model.scanner.gradient_x_t_per_m / one.scans.nominal_scanner.gradient_x_t_per_m
        for one in training_scanners(experiment, SCANNERS, spread, None)
        for model in one.scans.bank
    }
    assert len(shares) == 8
    assert all(0.95 <= share <= 1.05 for share in shares)


def test_weights_are_shared_and_physics_is_not(experiment, data):
    own = {weight.data_ptr() for weight in experiment.cascade.parameters()}
    for one in data.training_scanners:
        assert {weight.data_ptr() for weight in one.cascade.parameters()} == own
    sample = scans_of(data, [0])
    member = data.training_scanners[sample.scanner]
    there = experiment.on(member.scans.nominal_scanner, member.scans.nominal_scanner.ffp_shape)
    expected = there.cascade.eval()(sample.signal)
    torch.testing.assert_close(member.cascade.eval()(sample.signal), expected)


def test_phantoms_are_as_large_as_the_scanner_needs(experiment):
    fine = Scanner(num_ffp_x=64, num_ffp_y=64)
    there = experiment.on(fine, (64, 64))
    assert (experiment.length_scale, there.length_scale) == (4.0, 1.0)
    of_mixture = experiment.mixture.families["pairs"].diameter_mm
    assert there.mixture.families["pairs"].diameter_mm < of_mixture
    weighed = build_experiment({**ANY_SCANNER, "phantom_weights": {"single_objects": 4}})
    widths = weighed.mixture.families["single_objects"].width_mm
    assert widths == (0.61, 2.1)  # the longest, of 6.1 mm, has just room
    assert weighed.on(fine, (64, 64)).mixture.families["single_objects"].width_mm == (0.2, 0.7)
    given = build_experiment({**ANY_SCANNER, "phantoms": {"some": SOME_POINTS}})
    assert given.on(fine, (64, 64)).mixture.families["some"].diameter_mm == (0.2, 0.3)


def test_a_step_on_another_scanner_trains_the_weights_of_all(experiment):
    data = SimulatedDataModule(experiment, batch_size=8, num_validation=8, scanners=SCANNERS)
    module = CascadeModule(experiment)
    module.take_scanners(data)
    sample = data.training_samples(4)
    assert module.cascades[sample.scanner] is not experiment.cascade
    module.losses(sample, module.strategy.at(0.0))["loss"].backward()
    assert all(weight.grad is not None for weight in experiment.cascade.parameters())
    module.zero_grad()


def test_a_loss_of_one_scanner_is_refused(experiment):
    CascadeModule(experiment, final_loss=WeightedSum({"error": ImageRMSE()})).check_many_scanners()
    loss = WeightedSum({"error": ImageRMSE(), "signal": DataConsistency()})
    with pytest.raises(InputError, match="DataConsistency knows the physics of one scanner"):
        CascadeModule(experiment, final_loss=loss).check_many_scanners()


@pytest.mark.parametrize("stage", ["TikhonovBank", "DenseInverse", "SpectralInverse"])
def test_weights_that_hold_a_scanner_are_refused(stage):
    held = {**ANY_SCANNER, "preliminary": f"mpi_cascade.models.preliminary.{stage}"}
    with pytest.raises(InputError, match="the networks' weights hold the scanner"):
        training_scanners(build_experiment(held), SCANNERS, None, None)
