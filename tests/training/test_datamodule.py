import pytest
import torch
from lightning.pytorch import Trainer

from mpi_cascade.checks import InputError
from mpi_cascade.physics.disturbances import GainVariation, WhiteNoise
from mpi_cascade.scans.sampling import SampleKeys
from mpi_cascade.training.datamodule import SimulatedDataModule, Stream


def make_data(scanner, **options) -> SimulatedDataModule:
    return SimulatedDataModule(
        scanner=scanner, image_shape=(16, 16), num_validation=8, num_test=8,
        samples_per_epoch=24, **options,
    )  # fmt: skip


def all_samples(data, loader):
    samples = [data.on_after_batch_transfer(keys, 0) for keys in loader]
    return [torch.cat(column) for column in list(zip(*samples, strict=True))[:3]]


@pytest.mark.parametrize(
    "other", [{"batch_size": 3}, {"batch_size": 8, "num_workers": 2}, {"batch_size": 24}]
)
def test_training_samples_do_not_depend_on_batches_or_workers(small_scanner, other):
    one = make_data(small_scanner, batch_size=8)
    two = make_data(small_scanner, **other)
    first = all_samples(one, one.train_dataloader())
    second = all_samples(two, two.train_dataloader())
    assert torch.equal(first[0], second[0])
    torch.testing.assert_close(first[1], second[1], rtol=0, atol=1e-6)
    assert torch.equal(first[2], second[2])


def test_splits_share_no_sample(small_scanner):
    data = make_data(small_scanner)
    indices = torch.arange(8)
    streams = (Stream.TRAINING, Stream.VALIDATION, Stream.TEST)
    images = [data.simulate(SampleKeys(stream, indices)).concentration for stream in streams]
    everything = torch.cat(images).flatten(1)
    distances = torch.cdist(everything, everything) + torch.eye(24)
    assert distances.min() > 0


def test_the_training_seed_changes_training_samples_only(small_scanner):
    data = [make_data(small_scanner, training_seed=seed) for seed in (0, 1)]
    for stream in Stream:
        signals = [d.simulate(SampleKeys(stream, torch.arange(4))).signal for d in data]
        assert torch.equal(*signals) == (stream != Stream.TRAINING)


def test_validation_has_a_quarter_of_the_pairs_of_every_gap(small_scanner):
    data = make_data(small_scanner)
    _, loader = data.val_dataloader()
    samples = [data.on_after_batch_transfer(keys, 1) for keys in loader]
    gaps = torch.cat([sample.pairs.gap_m for sample in samples])
    values, counts = gaps.unique(return_counts=True)
    torch.testing.assert_close(values, 1e-3 * torch.tensor([0.1, 0.2, 0.3, 0.5]))
    assert counts.tolist() == [64] * 4


def test_disturbances_come_before_the_noise(small_scanner):
    gain = GainVariation(relative_std=0.5)
    data = make_data(small_scanner, disturbances=[gain])
    keys = SampleKeys(Stream.TEST, torch.arange(4))
    ideal = make_data(small_scanner, peak_snr_db=300.0).simulate(keys)
    streams = data.streams(keys)
    expected = WhiteNoise()(gain(ideal.signal, small_scanner, streams), small_scanner, streams)
    actual = data.simulate(keys)
    torch.testing.assert_close(actual.signal, expected, rtol=0, atol=1e-6)
    assert torch.equal(actual.concentration, ideal.concentration)


def test_the_true_scanner_differs_in_what_is_named_and_nothing_else(small_scanner):
    changes = {"gradient_x_t_per_m": 4.5, "particle": {"core_diameter_m": 24e-9}}
    data = make_data(small_scanner, true_scanner=changes)
    true = data.scans.forward_model.scanner
    assert (true.gradient_x_t_per_m, true.particle.core_diameter_m) == (4.5, 24e-9)
    assert (true.num_ffp_x, true.particle.temperature_k) == (16, 300.0)
    assert data.reconstruction_model().scanner == small_scanner
    with pytest.raises(InputError, match=r"^true_scanner is .*'gradient_z'"):
        make_data(small_scanner, true_scanner={"gradient_z": 1.0})


def test_a_delta_sample_blurs_only_the_reconstruction_model(small_scanner):
    ideal, measured = make_data(small_scanner), make_data(small_scanner, delta_sample_m=1e-3)
    keys = SampleKeys(Stream.TEST, torch.arange(2))
    assert torch.equal(ideal.simulate(keys).signal, measured.simulate(keys).signal)
    point = torch.zeros(1, 1, 16, 16)
    point[0, 0, 8, 8] = 1
    peaks = [d.reconstruction_model()(point).abs().max() for d in (ideal, measured)]
    assert peaks[1] < 0.9 * peaks[0]


def test_splits_that_the_processes_cannot_share_are_refused(small_scanner):
    data = make_data(small_scanner, batch_size=4)
    data.check_shares(world_size=2)
    with pytest.raises(InputError, match=r"^samples_per_epoch is 24: .* global batch of 16"):
        data.check_shares(world_size=4)
    odd = SimulatedDataModule(scanner=small_scanner, image_shape=(16, 16), num_validation=7)
    with pytest.raises(InputError, match=r"^an evaluation of 7 samples .* by 2 processes"):
        odd.check_shares(world_size=2)


def test_a_resume_with_other_batches_is_refused(small_scanner):
    data = make_data(small_scanner, batch_size=8)
    data.load_state_dict({"samples": 24, "global_batch": 4})
    with pytest.raises(InputError, match=r"has 4 samples in a batch .* --data.global_batch_size 4"):
        data.train_dataloader()
    data.load_state_dict({"samples": 16, "global_batch": 8})
    assert next(iter(data.train_dataloader())).indices.tolist() == list(range(16, 24))


@pytest.mark.parametrize(("world_size", "share"), [(1, 12), (2, 6), (4, 3)])
def test_a_global_batch_is_shared_by_the_processes(small_scanner, world_size, share):
    data = make_data(small_scanner, global_batch_size=12, batch_size=5)
    data.trainer = Trainer(
        accelerator="cpu", devices=world_size, logger=False, enable_checkpointing=False
    )
    (batch, *_) = data.train_dataloader()
    assert batch.indices.tolist() == list(range(share))
    data.load_state_dict({"samples": 12, "global_batch": 12})
    assert next(iter(data.train_dataloader())).indices.tolist() == list(range(12, 12 + share))


def test_a_global_batch_that_cannot_be_shared_is_refused(small_scanner):
    data = make_data(small_scanner, global_batch_size=6)
    with pytest.raises(InputError, match=r"^global_batch_size is 6: 4 processes can't share it"):
        data.check_shares(world_size=4)
    with pytest.raises(InputError, match=r"^global_batch_size is 0: it must be 1 or more"):
        make_data(small_scanner, global_batch_size=0)
