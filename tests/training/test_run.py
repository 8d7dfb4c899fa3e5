"""Whole runs through the command line, in seconds each."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from results import assert_same_training, assert_same_tree, load, predicted, rows

from mpi_cascade.mdf import MDFFile, read_scans
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.models.preliminary import SpectralInverse
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.training.checkpoints import write_weights
from mpi_cascade.training.recording import CONFIG_KEY

pytestmark = pytest.mark.slow

TINY = Path(__file__).parent / "tiny.yaml"

IMAGES = ("final", "preliminary", "tikhonov")
METRICS = ("psnr", "ssim", "nrmse", "dip@0.1mm", "dip@0.2mm", "dip@0.3mm", "dip@0.5mm")


def contents(directory):
    """What a run has written, but for W&B's own logs."""
    files = [path for path in directory.rglob("*") if path.is_file() and "wandb" not in path.parts]
    return {path: path.read_bytes() for path in files}


@pytest.fixture
def fitted(run):
    return run("fit")


def test_fit_leaves_a_directory_that_explains_itself(fitted, capsys):
    for name in (
        "config.yaml", "environment.json", "metrics.csv", "checkpoints/best.ckpt",
        "checkpoints/last.ckpt", "report/metrics.json", "report/figure1.png", "report/figure2.png",
    ):  # fmt: skip
        assert (fitted / name).stat().st_size > 0, name
    metrics = json.loads((fitted / "report" / "metrics.json").read_text())
    for image in IMAGES:
        for metric in METRICS:
            assert isinstance(metrics[f"test/{image}/{metric}"], float)
    (session,) = json.loads((fitted / "environment.json").read_text())
    assert session["packages"]["torch"] == torch.__version__
    config = yaml.safe_load((fitted / "config.yaml").read_text())
    assert config["data"]["scanner"]["gradient_y_t_per_m"] == 2.5
    assert (
        load(fitted / "checkpoints" / "best.ckpt")[CONFIG_KEY]
        == (fitted / "config.yaml").read_text()
    )
    logged = rows(fitted)
    assert {"train/loss", "train/final_loss", "train/preliminary_loss"} <= set().union(*logged)
    assert any("val/final/psnr" in row and "val/preliminary/dip@0.3mm" in row for row in logged)
    assert len(list((fitted / "wandb").glob("offline-run-*/*.wandb"))) == 1


def test_figures_go_to_wandb_during_validation(fitted):
    media = [path.name for path in (fitted / "wandb").rglob("media/images/val/*.png")]
    assert sum(name.startswith("figure1") for name in media) == 2  # one for each epoch
    assert sum(name.startswith("figure2") for name in media) == 2


def test_a_resolved_config_and_checkpoint_give_the_same_test(fitted, run):
    checkpoint = fitted / "checkpoints" / "best.ckpt"
    again = run("test", f"--ckpt_path={checkpoint}", config=fitted / "config.yaml")
    assert again != fitted
    first, second = (
        json.loads((path / "report" / "metrics.json").read_text()) for path in (fitted, again)
    )
    assert second == pytest.approx(first, rel=1e-5)


def test_validate_shows_the_metrics(fitted, run, capsys):
    run("validate", f"--ckpt_path={fitted / 'checkpoints' / 'best.ckpt'}")
    table = capsys.readouterr().out
    assert "| metric            | final  | preliminary | tikhonov |" in table
    assert "| resolved@0.3mm  " in table


def test_predict_writes_images(fitted, run):
    directory = run("predict", f"--ckpt_path={fitted / 'checkpoints' / 'best.ckpt'}")
    arrays = predicted(directory)
    assert np.concatenate([a["indices"] for a in arrays]).tolist() == list(range(8))
    assert arrays[0]["concentration"].shape == (4, 1, 16, 16)
    scanner = Scanner(num_ffp_x=16, num_ffp_y=16)
    with MDFFile(directory / "predictions" / "0-scans.mdf") as file:
        scans = torch.cat(list(read_scans(file, scanner)))
    assert np.array_equal(scans.numpy(), np.concatenate([a["signal"] for a in arrays]))
    cascade = Cascade(
        SpectralInverse(scanner, (16, 16), num_filters=2, num_features=4), ResidualUNet((8,))
    )
    weights = load(fitted / "checkpoints" / "best.ckpt")["state_dict"]
    cascade.load_state_dict({key.removeprefix("cascade."): v for key, v in weights.items()})
    expected = cascade(torch.from_numpy(arrays[0]["signal"])).final.detach()
    np.testing.assert_allclose(arrays[0]["final"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("step", "signum", "num_workers", "option"),
    [
        pytest.param(4, signal.SIGTERM, 0, "--model.strategy=DeepSupervision", id="mid-epoch"),
        pytest.param(
            4, signal.SIGTERM, 2, "--model.strategy=DeepSupervision", id="mid-epoch, two workers"
        ),
        pytest.param(6, signal.SIGINT, 0, "--model.strategy=DeepSupervision", id="end of epoch"),
        pytest.param(
            6, signal.SIGTERM, 2, "--model.strategy=DeepSupervision", id="end of epoch, two workers"
        ),
        pytest.param(9, signal.SIGINT, 0, "--model.strategy=DeepSupervision", id="second epoch"),
        pytest.param(8, signal.SIGTERM, 0, "--model.strategy=Staged", id="second phase"),
        pytest.param(4, signal.SIGTERM, 0, "--trainer.limit_train_batches=3", id="half epochs"),
        # The signal falls in the first batch of the step.
        pytest.param(2, signal.SIGUSR1, 0, "--trainer.accumulate_grad_batches=2", id="two batches"),
    ],
)
def test_stopped_and_resumed_equals_never_stopped(
    run, tmp_path, capsys, step, signum, num_workers, option
):
    whole, parts = tmp_path / "whole.txt", tmp_path / "parts.txt"
    probe = [f"--data.num_workers={num_workers}", option,
             "--trainer.callbacks+=probes.RecordSamples"]  # fmt: skip
    uninterrupted = run("fit", *probe, f"--trainer.callbacks.path={whole}")
    stop = ["--trainer.callbacks+=probes.SignalAt", f"--trainer.callbacks.step={step - 1}",
            f"--trainer.callbacks.signum={signum}"]  # fmt: skip
    with pytest.raises(SystemExit) as stopped:
        run("fit", *probe, f"--trainer.callbacks.path={parts}", *stop)
    assert stopped.value.code == 128 + signum
    assert f"after step {step}; continue with" in capsys.readouterr().err
    (directory,) = {p for p in uninterrupted.parent.glob("fit-*")} - {uninterrupted}
    checkpoint = directory / "checkpoints" / "last.ckpt"
    assert load(checkpoint)["global_step"] == step
    run("fit", *probe, f"--trainer.callbacks.path={parts}", f"--ckpt_path={checkpoint}")
    assert parts.read_text() == whole.read_text()
    assert_same_training(uninterrupted, directory)


def test_a_signal_during_the_set_up_ends_the_training_after_its_first_step(run, capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        run("fit", "--trainer.callbacks+=probes.SignalAt", "--trainer.callbacks.step=-1")
    assert stopped.value.code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM after step 1; continue with" in capsys.readouterr().err


def test_nan_in_the_loss_stops_before_a_checkpoint_is_spoilt(run, capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        run("fit", "--trainer.callbacks+=probes.PoisonAt", "--trainer.callbacks.step=8")
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert "the loss is not finite at step 9" in message
    checkpoint = next((tmp_path / "runs").glob("*/checkpoints/last.ckpt"))
    assert str(checkpoint) in message
    assert all(v.isfinite().all() for v in load(checkpoint)["state_dict"].values())


def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(run):
    first, again = run("fit"), run("fit")
    other = run("fit", "--data.training_seed=1")
    weights = [load(path / "checkpoints/last.ckpt")["state_dict"] for path in (first, again, other)]
    assert_same_tree(weights[0], weights[1])
    assert not all(torch.equal(weights[0][key], weights[2][key]) for key in weights[0])


def test_parts_of_every_kind_are_named_on_the_command_line(run):
    directory = run(
        "fit", "--trainer.max_epochs=1",
        "--data.disturbances+=BackgroundDrift", "--data.disturbances.relative_std=0.05",
        "--data.disturbances+=FFPDisplacement", "--data.disturbances.jitter_std_m=1e-5",
        "--data.phantoms.bars=Bars", "--data.phantoms.bars.width_mm=[0.4,0.5]",
        "--data.phantoms.rings=probes.Rings", "--data.phantom_weights.rings=3",
        "--data.true_scanner.gradient_x_t_per_m=4.8",
        "--model.preliminary=probes.Backprojection",
        "--model.final_loss=torch.nn.L1Loss", "--model.optimizer=torch.optim.SGD",
        "--model.schedule.final=0.5",
    )  # fmt: skip
    config = yaml.safe_load((directory / "config.yaml").read_text())
    names = [part["class_path"].rsplit(".")[-1] for part in config["data"]["disturbances"]]
    assert names == ["BackgroundDrift", "FFPDisplacement"]
    assert set(config["data"]["phantoms"]) == {"bars", "rings"}
    assert config["model"]["preliminary"]["class_path"] == "probes.Backprojection"
    rates = [float(row["lr-SGD"]) for row in rows(directory) if "lr-SGD" in row]
    # From the warm-up's end at 4 % of training, half a cosine from 1 down to 0.5.
    angles = [math.pi * ((step + 1) / 6 - 0.04) / 0.96 for step in range(6)]
    assert rates == pytest.approx([2e-3 * (0.75 + 0.25 * math.cos(a)) for a in angles], rel=1e-6)


def test_another_configuration_starts_a_run_of_its_own(fitted, run):
    before = contents(fitted)
    checkpoint = fitted / "checkpoints" / "last.ckpt"
    changed = ["--data.phantom_weights.blobs=0", "--trainer.max_epochs=3"]
    directory = run("fit", f"--ckpt_path={checkpoint}", *changed)
    assert directory != fitted
    assert contents(fitted) == before


@pytest.mark.parametrize("has_state", [True, False], ids=["another training", "weights alone"])
def test_a_training_of_its_own_starts_with_the_weights(fitted, run, tmp_path, capsys, has_state):
    checkpoint = fitted / "checkpoints" / "last.ckpt"
    if not has_state:
        write_weights(checkpoint, tmp_path / "weights")
    start = checkpoint if has_state else tmp_path / "weights.ckpt"
    changed = ["--model.learning_rate=1e-12"] if has_state else []
    directory = run("fit", f"--ckpt_path={start}", "--trainer.max_epochs=1", *changed)
    assert f"starts with the weights of {start}, at its first step" in capsys.readouterr().err
    last = load(directory / "checkpoints" / "last.ckpt")
    assert last["global_step"] == 6
    if has_state:
        for name, weights in load(checkpoint)["state_dict"].items():
            torch.testing.assert_close(last["state_dict"][name], weights, rtol=0, atol=1e-9)


def test_the_best_checkpoint_is_tested_whatever_else_is_written(run, tmp_path):
    callback = "lightning.pytorch.callbacks.ModelCheckpoint"
    directory = run(
        "fit", f"--trainer.callbacks+={callback}", "--trainer.callbacks.monitor=val/final/psnr",
        "--trainer.callbacks.mode=min", f"--trainer.callbacks.dirpath={tmp_path / 'worst'}",
    )  # fmt: skip
    best, (worst,) = directory / "checkpoints" / "best.ckpt", (tmp_path / "worst").iterdir()
    assert load(best)["global_step"] != load(worst)["global_step"]
    again = run("test", f"--ckpt_path={best}")
    first, second = (
        json.loads((path / "report" / "metrics.json").read_text()) for path in (directory, again)
    )
    assert first["test/final/psnr"] == pytest.approx(second["test/final/psnr"], rel=1e-6)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_stage_keeps_the_names_of_its_weights(fitted, tmp_path):
    """In a process of its own: the compiler can't trace the tests' runtime type checks."""
    callback = "mpi_cascade.training.callbacks.CompileRefinement"
    arguments = [
        sys.executable, "-m", "mpi_cascade", "fit", "--config", str(TINY), "--trainer.max_epochs=1",
        f"--trainer.callbacks+={callback}", f"--trainer.default_root_dir={tmp_path / 'compiled'}",
    ]  # fmt: skip
    cache = tmp_path / "cache"
    result = subprocess.run(
        arguments, cwd=tmp_path, env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(cache)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    assert any(cache.rglob("*.cpp"))
    (compiled,) = (tmp_path / "compiled").glob("fit-*")
    weights = [load(path / "checkpoints/best.ckpt")["state_dict"] for path in (fitted, compiled)]
    assert weights[0].keys() == weights[1].keys()
