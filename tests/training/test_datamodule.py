from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Trainer

from mpi_cascade.checkpoints import CONFIG_KEY, Checkpoint
from mpi_cascade.checks import InputError
from mpi_cascade.randomness import Stream
from mpi_cascade.scans.sampling import keys_of
from mpi_cascade.scans.varied import ScannerSpread
from mpi_cascade.training.configuration import build, description, read_training
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.run import stored_description

VALIDATION_STREAM = 1
QUICKSTART = Path(__file__).parents[2] / "configs" / "quickstart.yaml"


def make_data(experiment, **options) -> SimulatedDataModule:
    sizes = {"num_validation": 8, "num_test": 8, "samples_per_epoch": 24}
    return SimulatedDataModule(experiment, **(sizes | options))


def all_samples(data, loader):
    samples = [data.on_after_batch_transfer(data.on_before_batch_transfer(k, 0), 0) for k in loader]
    return [torch.cat(column) for column in list(zip(*samples, strict=True))[:3]]


@pytest.mark.parametrize(
    "other", [{"batch_size": 3}, {"batch_size": 8, "num_workers": 2}, {"batch_size": 24}]
)
def test_training_samples_do_not_depend_on_batches_or_workers(experiment, other):
    one = make_data(experiment, batch_size=8)
    two = make_data(experiment, **other)
    first = all_samples(one, one.train_dataloader())
    second = all_samples(two, two.train_dataloader())
    assert torch.equal(first[0], second[0])
    torch.testing.assert_close(first[1], second[1], rtol=0, atol=1e-6)
    assert torch.equal(first[2], second[2])


def test_the_time_of_training_batches_is_counted_and_that_of_validation_is_not(experiment):
    data = make_data(experiment, batch_size=8)
    all_samples(data, data.val_dataloader()[0])
    assert data.seconds == 0
    all_samples(data, data.train_dataloader())
    assert data.seconds > 0


def test_a_spread_of_the_scanner_changes_training_samples_only(experiment):
    spread = ScannerSpread(ffp_offset_m=2e-4, gain=0.2, num_scanners=2)
    data = [make_data(experiment, scanner_spread=chosen) for chosen in (None, spread)]
    for stream in (Stream.TRAINING, VALIDATION_STREAM):
        samples = [d.simulate(keys_of(stream, range(4))) for d in data]
        signals = [sample.signal for sample in samples]
        assert torch.equal(*signals) == (stream != Stream.TRAINING)
        assert torch.equal(*(sample.concentration for sample in samples))


def test_the_training_seed_changes_training_samples_only(experiment):
    data = [make_data(experiment, training_seed=seed) for seed in (0, 1)]
    for stream in (Stream.TRAINING, VALIDATION_STREAM):
        signals = [d.simulate(keys_of(stream, range(4))).signal for d in data]
        assert torch.equal(*signals) == (stream != Stream.TRAINING)


def test_validation_has_a_quarter_of_the_pairs_of_every_gap(experiment):
    data = make_data(experiment)
    _, loader, _ = data.val_dataloader()
    samples = [data.on_after_batch_transfer(keys, 1) for keys in loader]
    gaps = torch.cat([sample.pairs.gap_m for sample in samples])
    values, counts = gaps.unique(return_counts=True)
    # Four times as far apart as in images of 64 × 64 pixels.
    torch.testing.assert_close(values, 1e-3 * torch.tensor([0.4, 0.8, 1.2, 2.0]))
    assert counts.tolist() == [64] * 4


def test_splits_that_the_processes_cannot_share_are_refused(experiment):
    data = make_data(experiment, batch_size=4)
    data.check_shares(world_size=2)
    with pytest.raises(InputError, match=r"^samples_per_epoch is 24: .* global batch of 16"):
        data.check_shares(world_size=4)
    with pytest.raises(InputError, match=r"^an evaluation of 7 samples .* by 2 processes"):
        make_data(experiment, batch_size=4, num_validation=7).check_shares(world_size=2)


def test_a_resume_with_other_batches_is_refused(experiment):
    data = make_data(experiment, batch_size=8)
    data.load_state_dict({"samples": 24, "global_batch": 4})
    with pytest.raises(InputError, match=r"has 4 samples in a batch .* --data.global_batch_size 4"):
        data.train_dataloader()
    data.load_state_dict({"samples": 16, "global_batch": 8})
    assert next(iter(data.train_dataloader())).indices.tolist() == list(range(16, 24))


@pytest.mark.parametrize(("world_size", "share"), [(1, 12), (2, 6), (4, 3)])
def test_a_global_batch_is_shared_by_the_processes(experiment, world_size, share):
    data = make_data(experiment, global_batch_size=12, batch_size=5)
    data.trainer = Trainer(
        accelerator="cpu", devices=world_size, logger=False, enable_checkpointing=False
    )
    (batch, *_) = data.train_dataloader()
    assert batch.indices.tolist() == list(range(share))
    data.load_state_dict({"samples": 12, "global_batch": 12})
    assert next(iter(data.train_dataloader())).indices.tolist() == list(range(12, 12 + share))


def test_a_global_batch_that_cannot_be_shared_is_refused(experiment):
    data = make_data(experiment, global_batch_size=6)
    with pytest.raises(
        InputError, match=r"^data.global_batch_size is 6: 4 processes can't share it"
    ):
        data.check_shares(world_size=4)
    with pytest.raises(InputError, match=r"^data.global_batch_size is 0: it must be 1 or more"):
        make_data(experiment, global_batch_size=0)


@pytest.mark.parametrize(
    ("given", "gaps_mm", "diameter_mm"),
    [({}, (0.1, 0.2, 0.3, 0.5), 0.4), ({"gaps_mm": [0.25]}, (0.25,), 0.4)],
    ids=["nothing", "a part"],
)
def test_pairs_are_as_configured_where_they_are(given, gaps_mm, diameter_mm):
    text = yaml.safe_dump({"data": {"two_points": given}})
    arguments = ["--config", str(QUICKSTART), "--config", text]
    arguments += ["--data.two_points.cases_per_gap=4"]
    pairs = build(read_training(arguments)).data.pairs
    assert (pairs.gaps_mm, pairs.diameter_mm) == (gaps_mm, diameter_mm)
    assert pairs.cases_per_gap == 4


def test_a_checkpoint_of_an_earlier_version_says_the_same():
    """It named the class of the pairs, and knew fewer keys."""
    options = ["--data.two_points.gaps_mm=[0.3]", "--data.scanner_spread.gradient=0.05"]
    config = read_training(["--config", str(QUICKSTART), *options])
    now = description(config)
    earlier = yaml.safe_load(now)
    del earlier["data"]["training_snr_db"], earlier["data"]["scanner_spread"]["gain"]
    kept = {"gaps_mm": [0.3], "cases_per_gap": 256}
    earlier["data"]["two_points"] = {
        "class_path": "mpi_cascade.phantoms.scenes.TwoPoints", "init_args": kept
    }  # fmt: skip
    contents = {CONFIG_KEY: yaml.safe_dump(earlier)}
    assert stored_description(Checkpoint(Path("earlier.ckpt"), contents)) == now
