"""Whole runs through the command line, in seconds each."""

import csv
import json
import signal

import pytest
import torch
import yaml

from mpi_cascade.training.run_directory import CONFIG_KEY

pytestmark = pytest.mark.slow

IMAGES = ("final", "preliminary", "tikhonov")
METRICS = ("psnr", "ssim", "nrmse", "dip@0.1mm", "dip@0.2mm", "dip@0.3mm", "dip@0.5mm")


def rows(directory):
    with (directory / "metrics.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]


def load(path):
    return torch.load(path, weights_only=True)


def assert_same_tree(one, other):
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same_tree(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same_tree(a, b)
    else:
        assert one == other


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
    assert "| psnr" in capsys.readouterr().out


def test_predict_writes_images(fitted, run):
    import numpy as np

    directory = run("predict", f"--ckpt_path={fitted / 'checkpoints' / 'best.ckpt'}")
    files = sorted((directory / "predictions").glob("*.npz"))
    arrays = [np.load(file) for file in files]
    assert np.concatenate([a["indices"] for a in arrays]).tolist() == list(range(8))
    assert arrays[0]["final"].shape == arrays[0]["concentration"].shape == (4, 1, 16, 16)


@pytest.mark.parametrize("step", [4, 6, 9], ids=["mid-epoch", "end of epoch", "second epoch"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_stopped_and_resumed_equals_never_stopped(run, tmp_path, capsys, step, signum):
    whole, parts = tmp_path / "whole.txt", tmp_path / "parts.txt"
    probe = ["--trainer.callbacks+=probes.RecordSamples"]
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
    one, other = load(uninterrupted / "checkpoints/last.ckpt"), load(checkpoint)
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
        assert_same_tree(one[key], other[key])
    assert rows(directory) == rows(uninterrupted)


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
