"""Two processes do what one does: by Lightning's launcher, by torchrun, and as two nodes."""

import time

import command_line
import numpy as np
import processes
import pytest
import torch
from results import load, losses, predicted, rows

pytestmark = pytest.mark.slow

TOLERANCE = 1e-5
"""Relative; what is left is the order in which sums are taken."""

WEIGHTS_TOLERANCE = 2e-4
"""Of a tensor's norm. Adam divides each gradient by its own size: a single weight whose gradient
is all rounding error may go anywhere, the tensor may not. One step fewer of the six gives
differences of 1e-3 (means of the signal) to 0.7 (weights that begin at zero)."""

# Every strategy by Lightning's launcher; those that freeze and unfreeze stages by the others.
FITS = [
    ("lightning", "Joint"),
    ("lightning", "DeepSupervision"),
    ("lightning", "Staged"),
    ("lightning", "StagedThenFineTuned"),
    ("torchrun", "Staged"),
    ("two nodes", "StagedThenFineTuned"),
]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Returns the run directory of a command in this process, once for the same options."""
    directories = {}
    root = tmp_path_factory.mktemp("alone")

    def run(subcommand, *options):
        key = (subcommand, *options)
        if key not in directories:
            with pytest.MonkeyPatch.context() as monkeypatch:
                directories[key] = command_line.run(
                    monkeypatch, root / str(len(directories)), subcommand,
                    "--report.tikhonov=false", *options, config=command_line.TINY,
                )  # fmt: skip
        return directories[key]

    return run


def metrics_of(directory, split):
    """The last metrics that a run has logged of a split."""
    logged = [row for row in rows(directory) if any(key.startswith(split) for key in row)]
    return {k: float(v) for k, v in logged[-1].items() if k.startswith(split) and v != "nan"}


@pytest.mark.parametrize(("launcher", "strategy"), FITS)
def test_two_processes_train_as_one_on_the_same_global_batches(alone, tmp_path, launcher, strategy):
    options = ["--trainer.max_epochs=1", f"--model.strategy={strategy}"]
    one = alone("fit", "--data.batch_size=4", *options)
    two = processes.run(launcher, "fit", tmp_path, "--data.batch_size=2", *options)
    assert len(losses(two)) == 6
    assert losses(two) == pytest.approx(losses(one), rel=TOLERANCE)
    for split in ("val/", "test/"):
        found, expected = metrics_of(two, split), metrics_of(one, split)
        assert expected
        assert found == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)
    weights = [load(path / "checkpoints/last.ckpt")["state_dict"] for path in (one, two)]
    for name, expected in weights[0].items():
        difference = torch.linalg.vector_norm(weights[1][name] - expected)
        assert difference <= WEIGHTS_TOLERANCE * torch.linalg.vector_norm(expected), name
    tested = alone("test", f"--ckpt_path={two / 'checkpoints' / 'best.ckpt'}")
    assert metrics_of(tested, "test/") == pytest.approx(
        metrics_of(two, "test/"), rel=TOLERANCE, abs=TOLERANCE
    )


@pytest.mark.parametrize("launcher", processes.LAUNCHERS)
def test_two_processes_evaluate_as_one(alone, tmp_path, launcher):
    checkpoint = alone("fit", "--trainer.max_epochs=1") / "checkpoints" / "best.ckpt"
    for subcommand, split in (("validate", "val/"), ("test", "test/")):
        chosen = f"--ckpt_path={checkpoint}"
        one = alone(subcommand, chosen)
        two = processes.run(launcher, subcommand, tmp_path / subcommand, chosen)
        expected = metrics_of(one, split)
        assert len(expected) > 20
        assert metrics_of(two, split) == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)


@pytest.mark.parametrize("launcher", processes.LAUNCHERS)
def test_all_predictions_lie_in_one_directory(alone, tmp_path, launcher):
    checkpoint = alone("fit", "--trainer.max_epochs=1") / "checkpoints" / "best.ckpt"
    chosen = f"--ckpt_path={checkpoint}"
    images = []
    for directory in (
        alone("predict", chosen),
        processes.run(launcher, "predict", tmp_path, chosen),
    ):
        arrays = predicted(directory)
        indices = np.concatenate([a["indices"] for a in arrays])
        assert sorted(indices) == list(range(8))
        images.append(np.concatenate([a["final"] for a in arrays])[indices.argsort()])
    np.testing.assert_allclose(images[1], images[0], rtol=1e-4, atol=1e-5)


def test_what_two_have_begun_one_finishes(alone, tmp_path):
    batch = "--data.global_batch_size=4"
    stop = ["--trainer.callbacks+=probes.SignalAt", "--trainer.callbacks.step=7"]
    (command,) = processes.commands("lightning", "fit", tmp_path, batch, *stop)
    _, errors = (two := processes.start(command)).communicate(timeout=300)
    assert two.returncode == 143, errors[-3000:]
    (directory,) = tmp_path.iterdir()
    last = directory / "checkpoints" / "last.ckpt"
    assert load(last)["global_step"] == 8
    processes.run("one process", "fit", tmp_path, batch, f"--ckpt_path={last}")
    whole = alone("fit", batch)
    assert losses(directory) == pytest.approx(losses(whole), rel=TOLERANCE)
    weights = [load(path / "checkpoints/last.ckpt")["state_dict"] for path in (whole, directory)]
    for name, expected in weights[0].items():
        difference = torch.linalg.vector_norm(weights[1][name] - expected)
        assert difference <= WEIGHTS_TOLERANCE * torch.linalg.vector_norm(expected), name


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("launcher", ["lightning", "torchrun"])
def test_a_process_that_dies_ends_the_others(tmp_path, launcher, rank):
    """What is left of the run holds the pipes open, so that reading them waits for all of it."""
    note = tmp_path / "note"
    (command,) = processes.commands(
        launcher, "fit", tmp_path / "runs", "--trainer.callbacks+=probes.KillRank",
        f"--trainer.callbacks.path={note}", f"--trainer.callbacks.rank={rank}",
        "--trainer.callbacks.step=4",
    )  # fmt: skip
    process = processes.start(command)
    _, errors = process.communicate(timeout=300)
    assert time.time() - note.stat().st_mtime < 60
    assert process.returncode != 0
    if launcher == "torchrun":
        assert f"rank      : {rank} (local_rank: {rank})\n  exitcode  : -9" in errors
    else:
        assert f"error: process {1 - rank} ends because" in errors
        assert "go on with --ckpt_path" in errors
        assert "Traceback" not in errors


def test_a_loss_that_only_one_process_sees_is_told(tmp_path):
    (command,) = processes.commands(
        "lightning", "fit", tmp_path, "--trainer.callbacks+=probes.PoisonAt",
        "--trainer.callbacks.step=4", "--trainer.callbacks.rank=1",
    )  # fmt: skip
    _, errors = (process := processes.start(command)).communicate(timeout=300)
    assert process.returncode != 0
    assert "error: the loss is not finite at step 5" in errors
