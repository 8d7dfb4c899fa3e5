"""Two processes do what one does: by Lightning's launcher, by torchrun, and as two nodes."""

import time

import processes
import pytest
import torch
from command_line import TINY, succeed
from results import load, losses, rows

pytestmark = pytest.mark.slow

TOLERANCE = 1e-5
"""Relative; what is left is the order in which sums are taken."""

WEIGHTS_TOLERANCE = 2e-4
"""Of a tensor's norm. Adam divides each gradient by its own size: a single weight whose gradient
is all rounding error may go anywhere, the tensor may not. One step fewer of the six gives
differences of 1e-3 (means of the signal) to 0.7 (weights that begin at zero)."""

# Every strategy once; those that freeze and unfreeze stages where that is hardest.
FITS = [
    ("lightning", "Joint"),
    ("lightning", "DeepSupervision"),
    ("torchrun", "Staged"),
    ("two nodes", "StagedThenFineTuned"),
]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Returns the directory of a training in this process, once for the same options."""
    directories = {}
    root = tmp_path_factory.mktemp("alone")

    def run(*options):
        if options not in directories:
            directory = directories[options] = root / str(len(directories))
            chosen = ["--config", TINY, "--output", directory, "--report.tikhonov=false", *options]
            succeed("fit", *chosen)
        return directories[options]

    return run


def metrics_of(directory, split):
    """The last metrics that a run has logged of a split."""
    logged = [row for row in rows(directory) if any(key.startswith(split) for key in row)]
    return {k: float(v) for k, v in logged[-1].items() if k.startswith(split) and v != "nan"}


def assert_trained_alike(found, expected):
    assert losses(found) == pytest.approx(losses(expected), rel=TOLERANCE)
    weights = [load(path / "checkpoints/last.ckpt")["state_dict"] for path in (expected, found)]
    for name, of_one in weights[0].items():
        difference = torch.linalg.vector_norm(weights[1][name] - of_one)
        assert difference <= WEIGHTS_TOLERANCE * torch.linalg.vector_norm(of_one), name


@pytest.mark.parametrize(("launcher", "strategy"), FITS)
def test_two_processes_train_as_one_on_the_same_global_batches(alone, tmp_path, launcher, strategy):
    options = ["--trainer.max_epochs=1", f"--model.strategy={strategy}"]
    one = alone("--data.batch_size=4", *options)
    two = processes.run(launcher, "fit", tmp_path, "--data.batch_size=2", *options)
    assert len(losses(two)) == 6
    assert_trained_alike(two, one)
    for split in ("val/", "test/"):
        found, expected = metrics_of(two, split), metrics_of(one, split)
        assert expected
        assert found == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)


def test_what_two_have_begun_one_finishes(alone, tmp_path):
    batch = "--data.global_batch_size=4"
    stop = ["--trainer.callbacks+=probes.SignalAt", "--trainer.callbacks.step=7"]
    (command,) = processes.commands("lightning", "fit", tmp_path, batch, *stop)
    _, errors = (two := processes.start(command)).communicate(timeout=300)
    assert two.returncode == 143, errors[-3000:]
    (directory,) = tmp_path.iterdir()
    last = directory / "checkpoints" / "last.ckpt"
    assert load(last)["global_step"] == 8
    one = ["--trainer.devices=1", "--trainer.strategy=auto"]
    processes.run("one process", "fit", tmp_path, batch, "--resume", str(last), *one)
    assert_trained_alike(directory, alone(batch))


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
        assert "go on with fit --resume" in errors
        assert "Traceback" not in errors


def test_a_loss_that_only_one_process_sees_is_told(tmp_path):
    (command,) = processes.commands(
        "lightning", "fit", tmp_path, "--trainer.callbacks+=probes.PoisonAt",
        "--trainer.callbacks.step=4", "--trainer.callbacks.rank=1",
    )  # fmt: skip
    _, errors = (process := processes.start(command)).communicate(timeout=300)
    assert process.returncode != 0
    assert "error: the loss is not finite at step 5" in errors
