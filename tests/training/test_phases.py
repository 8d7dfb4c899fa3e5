"""What the phases of a strategy do to a training."""

import itertools

import distributed
import pytest
import tiny_cascades
import torch
from experiments import small_experiment
from results import logged
from torch import nn

from mpi_cascade.configurations import build_experiment
from mpi_cascade.losses.quantiles import pinball
from mpi_cascade.models.preliminary import FixedTikhonov
from mpi_cascade.models.refinement import ResidualCNN
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.schedules import WarmupCosine
from mpi_cascade.training.strategies import (
    STAGES,
    DeepSupervision,
    IntervalsAlone,
    Joint,
    Moment,
    Staged,
)

PHASES = {"Staged": (3, 6), "StagedThenFineTuned": (2, 4, 6)}
"""The step, of six, with which each phase ends."""

OPTIONS = {
    "Staged": ["--model.strategy.preliminary_share=0.5"],
    "StagedThenFineTuned": [
        "--model.strategy.preliminary_share=0.34", "--model.strategy.refinement_share=0.33",
        "--model.strategy.learning_rate=0.5",
    ],
}  # fmt: skip
TRAINED = [{"preliminary"}, {"refinement"}, set(STAGES)]


@pytest.fixture(scope="module")
def sample(experiment):
    return SimulatedDataModule(experiment).training_samples(2)


def changed_stages(before, after):
    changed = {name.split(".")[1] for name in after if not torch.equal(after[name], before[name])}
    return changed & set(STAGES)


@pytest.mark.parametrize("strategy", PHASES)
def test_each_phase_changes_its_own_stages_and_no_bit_of_the_other(fit, tmp_path, strategy):
    """With AdamW, whose momentum and weight decay move weights without any gradient."""
    path = tmp_path / "weights.pt"
    directory = fit(
        "run", "--trainer.max_epochs=1",
        f"--model.strategy={strategy}", *OPTIONS[strategy],
        "--model.optimizer_options={weight_decay: 0.1}",
        "--trainer.callbacks+=probes.RecordWeights", f"--trainer.callbacks.path={path}",
    )  # fmt: skip
    weights = torch.load(path)
    assert len(weights) == 7
    expected = [
        trained
        for trained, start, end in zip(
            TRAINED, (0, *PHASES[strategy]), PHASES[strategy], strict=False
        )
        for _ in range(end - start)
    ]
    assert [changed_stages(*pair) for pair in itertools.pairwise(weights)] == expected
    assert_rates_start_anew_in_every_phase(directory, strategy)
    assert_no_tikhonov(directory)


def assert_rates_start_anew_in_every_phase(directory, strategy):
    shares = [0.5, 0.5] if strategy == "Staged" else [0.34, 0.33, 0.33]
    expected, done = [], 0.0
    for number, (share, start, end) in enumerate(
        zip(shares, (0, *PHASES[strategy]), PHASES[strategy], strict=False)
    ):
        factor = 2e-3 * (0.5 if number == 2 else 1)
        progress = [((step + 1) / 6 - done) / share for step in range(start, end)]
        expected += [factor * WarmupCosine()(min(value, 1.0)) for value in progress]
        done += share
    assert logged(directory, "lr-AdamW") == pytest.approx(expected, rel=1e-6)


def assert_no_tikhonov(directory):
    assert ",psnr_db," in (directory / "report" / "comparison.csv").read_text()
    for name in ("report/comparison.csv", "metrics.csv"):
        assert "Tikhonov" not in (directory / name).read_text()


def test_every_strategy_and_ablation_trains_in_two_processes(tmp_path):
    """Plain DDP waits for a gradient of every parameter, in every phase."""
    arguments = (2, str(tmp_path / "rendezvous"))
    torch.multiprocessing.spawn(distributed.train_every_cascade, args=arguments, nprocs=2)


def test_a_stage_that_does_not_train_keeps_its_running_means(sample):
    stage = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.BatchNorm2d(1))
    module = CascadeModule(small_experiment(stage, ResidualCNN(4, 2)))
    first, second = Staged().phases
    means = stage[1].running_mean
    before = means.clone()
    module.losses(sample, Moment(second, 0.5))
    assert torch.equal(means, before)
    module.losses(sample, Moment(first, 0.5))
    assert not torch.equal(means, before)


def test_losses_of_each_phase(sample):
    module = CascadeModule(small_experiment(), strategy=Staged())
    first, second = module.strategy.phases
    losses = module.losses(sample, Moment(first, 0.5))
    assert losses.keys() == {"loss", "preliminary_loss"}
    assert losses["loss"].item() == losses["preliminary_loss"].item() > 0
    losses = module.losses(sample, Moment(second, 0.5))
    assert losses.keys() == {"loss", "final_loss"}
    assert losses["loss"].item() == losses["final_loss"].item() > 0


def test_a_faded_preliminary_loss_is_not_computed(sample):
    strategy = DeepSupervision(first_weight=1.0, last_weight=0.0)
    module = CascadeModule(small_experiment(), strategy=strategy)
    assert "preliminary_loss" in module.losses(sample, strategy.at(0.9))
    assert module.losses(sample, strategy.at(1.0)).keys() == {"loss", "final_loss"}


def test_gradients_reach_the_trained_stages_only(sample):
    for phase in (*Staged().phases, *Joint().phases):
        module = CascadeModule(small_experiment())
        module.losses(sample, Moment(phase, 0.5))["loss"].backward()
        for stage in STAGES:
            gradients = [w.grad for w in getattr(module.cascade, stage).parameters()]
            # Zeros, not None: plain DDP waits for every parameter.
            assert all(gradient is not None for gradient in gradients)
            is_moved = any(gradient.abs().max() > 0 for gradient in gradients)
            assert is_moved == (stage in phase.trained), (phase, stage)


def test_a_first_stage_without_weights_needs_none(sample):
    module = CascadeModule(small_experiment(FixedTikhonov()))
    losses = module.losses(sample, DeepSupervision().at(0.5))
    losses["loss"].backward()
    assert losses["preliminary_loss"] > 0
    assert not list(module.cascade.preliminary.parameters())


HEAD = [
    "--experiment.intervals=mpi_cascade.models.intervals.IntervalHead",
    "--experiment.intervals.network=mpi_cascade.models.refinement.ResidualUNet",
    "--experiment.intervals.network.num_features=[4]",
    "--experiment.intervals.network.num_channels=3",
    "--experiment.intervals.network.num_corrected=2",
    "--model.strategy=IntervalsAlone",
]


def test_a_network_of_the_uncertainty_trains_beside_a_cascade_that_stays_as_it_is(fit, tiny_run):
    start = tiny_run / "checkpoints" / "last.ckpt"
    directory = fit(
        "intervals", *HEAD, "--weights", start, "--model.optimizer_options={weight_decay: 0.1}"
    )
    before, after = (
        torch.load(path, weights_only=True)["state_dict"]
        for path in (start, directory / "checkpoints" / "best.ckpt")
    )
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert any(name.startswith("cascade.intervals.") for name in after)
    first, second = logged(directory, "val/interval_loss")
    assert second < first


def test_it_learns_beside_the_images_that_a_trained_cascade_makes(sample):
    """The means over mirrored scans, not the images of one orientation that a training sees."""
    description = {**tiny_cascades.WITH_INTERVALS, "averages_mirrors": True}
    module = CascadeModule(build_experiment(description), strategy=IntervalsAlone())
    loss = module.losses(sample, IntervalsAlone().at(0.5))["loss"]
    cascade = module.cascade.eval()
    images = cascade(sample.signal)
    expected = pinball(cascade.interval(images, sample.signal), sample.concentration)
    torch.testing.assert_close(loss, expected)
    cascade.mirrors = []
    assert not torch.allclose(images.final, cascade(sample.signal).final)


def test_weights_with_it_start_a_training_without_it(fit, tiny_run, tmp_path):
    directory = fit("intervals", *HEAD, "--weights", tiny_run / "checkpoints" / "last.ckpt")
    start = directory / "checkpoints" / "best.ckpt"
    path = tmp_path / "weights.pt"
    fit(
        "without", "--weights", start, "--trainer.max_epochs=1",
        "--trainer.callbacks+=probes.RecordWeights", f"--trainer.callbacks.path={path}",
    )  # fmt: skip
    stored = torch.load(start, weights_only=True)["state_dict"]
    first = torch.load(path)[0]
    assert first
    assert all(torch.equal(value, stored[name]) for name, value in first.items())


def test_a_strategy_for_it_needs_it(fit, capsys):
    with pytest.raises(SystemExit):
        fit("none", "--model.strategy=IntervalsAlone")
    assert "experiment.intervals has none: add --config" in capsys.readouterr().err
