"""Whole trainings through the command line, in a second each."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys

import pytest
import torch
import yaml
from command_line import TINY
from results import assert_same_training, load, logged, reported, rows

from mpi_cascade import trained
from mpi_cascade.checkpoints import CONFIG_KEY
from mpi_cascade.cli import main


def test_fit_leaves_a_directory_that_explains_itself(tiny_run):
    for name in (
        "config.yaml", "environment.json", "metrics.csv", "checkpoints/best.ckpt",
        "checkpoints/last.ckpt", "report/comparison.csv", "report/comparison.json",
        "report/comparison.md", "report/figure1.png", "report/figure2.png",
    ):  # fmt: skip
        assert (tiny_run / name).stat().st_size > 0, name
    table = (tiny_run / "report" / "comparison.md").read_text()
    assert "| cascade, preliminary " in table
    assert "| Tikhonov " in table
    (session,) = json.loads((tiny_run / "environment.json").read_text())
    assert session["packages"]["torch"] == torch.__version__
    config = (tiny_run / "config.yaml").read_text()
    assert yaml.safe_load(config)["experiment"]["scanner"]["gradient_y_t_per_m"] == 2.5
    assert load(tiny_run / "checkpoints" / "best.ckpt")[CONFIG_KEY] == config
    found = [row for row in rows(tiny_run) if "val/final/psnr_db" in row]
    assert [int(row["step"]) for row in found] == [5, 11]
    assert logged(tiny_run, "test/final/psnr_db") == [
        pytest.approx(reported(tiny_run / "report"), rel=1e-9)
    ]


def test_the_last_state_is_kept_where_it_is_no_better(fit):
    """A job that is killed goes on from its last validation, not from its best one."""
    directory = fit("run", "--model.learning_rate=1e-30", "--report.tikhonov=false")
    steps = {
        name: load(directory / "checkpoints" / f"{name}.ckpt")["global_step"]
        for name in ("best", "last")
    }
    assert steps == {"best": 6, "last": 12}


@pytest.mark.slow
def test_weights_and_biases_has_the_run_and_the_figures_of_every_validation(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    directory = tmp_path / "run"
    options = [
        "--trainer.max_epochs=1",
        "--trainer.val_check_interval=3",
        "--report.tikhonov=false",
    ]
    main(["fit", "--config", str(TINY), "--output", str(directory), *options])
    assert len(list(directory.glob("wandb/offline-run-*/*.wandb"))) == 1
    media = [path.name for path in directory.glob("wandb/offline-run-*/files/media/images/val/*")]
    assert sum(name.startswith("figure1") for name in media) == 2
    assert sum(name.startswith("figure2") for name in media) == 2


def test_where_there_is_no_terminal_a_line_tells_each_validation(fit, capsys):
    directory = fit("run", "--trainer.max_epochs=1")
    told = capsys.readouterr()
    (value,) = logged(directory, "val/final/psnr_db")
    assert f"step 6: val/final/psnr_db {value:.4g}\n" in told.err
    assert f"Everything lies in {directory}\n  checkpoints/best.ckpt\n" in told.out


def test_a_run_without_a_name_gets_one(fit, tmp_path):
    main(["fit", "--config", str(TINY), f"--trainer.default_root_dir={tmp_path}",
          "--trainer.fast_dev_run=true"])  # fmt: skip
    (directory,) = tmp_path.iterdir()
    assert directory.name.startswith("fit-20")
    assert "fast_dev_run: true" in (directory / "config.yaml").read_text()


MID_EPOCH = pytest.param(4, signal.SIGTERM, ["--data.num_workers=0"], id="mid-epoch")
SECOND_PHASE = pytest.param(8, signal.SIGTERM, ["--model.strategy=Staged"], id="second phase")
# The signal falls in the first batch of the step.
TWO_BATCHES = pytest.param(
    2, signal.SIGUSR1, ["--trainer.accumulate_grad_batches=2"],
    id="two batches", marks=pytest.mark.slow,
)  # fmt: skip
RARER = [
    pytest.param(step, signum, options, id=name, marks=pytest.mark.slow)
    for step, signum, options, name in (
        (4, signal.SIGTERM, ["--data.num_workers=2"], "mid-epoch, two workers"),
        (6, signal.SIGINT, [], "end of epoch"),
        (6, signal.SIGTERM, ["--data.num_workers=2"], "end of epoch, two workers"),
        (9, signal.SIGINT, [], "second epoch"),
        (4, signal.SIGTERM, ["--trainer.limit_train_batches=3"], "half epochs"),
    )
]


@pytest.mark.parametrize(
    ("step", "signum", "options"), [MID_EPOCH, SECOND_PHASE, TWO_BATCHES, *RARER]
)
def test_stopped_and_resumed_equals_never_stopped(
    fit, resume, tmp_path, capsys, step, signum, options
):
    samples = {name: tmp_path / f"{name}.txt" for name in ("whole", "parts")}
    probe = "--trainer.callbacks+=probes.RecordSamples"
    whole = fit("whole", *options, probe, f"--trainer.callbacks.path={samples['whole']}")
    with pytest.raises(SystemExit) as stopped:
        fit("parts", *options, probe, f"--trainer.callbacks.path={samples['parts']}",
            "--trainer.callbacks+=probes.SignalAt", f"--trainer.callbacks.step={step - 1}",
            f"--trainer.callbacks.signum={signum}")  # fmt: skip
    assert stopped.value.code == 128 + signum
    checkpoint = tmp_path / "parts" / "checkpoints" / "last.ckpt"
    sentence = f"stopped by {signum.name} after step {step}; continue with\n"
    assert f"{sentence}  mpi-cascade fit --resume {checkpoint}\n" in capsys.readouterr().err
    assert load(checkpoint)["global_step"] == step
    resume(checkpoint)
    assert samples["parts"].read_text() == samples["whole"].read_text()
    assert_same_training(whole, tmp_path / "parts")
    assert len(json.loads((tmp_path / "parts" / "environment.json").read_text())) == 2


def test_a_signal_during_the_set_up_ends_the_training_after_its_first_step(fit, capsys):
    with pytest.raises(SystemExit) as stopped:
        fit("run", "--trainer.callbacks+=probes.SignalAt", "--trainer.callbacks.step=-1")
    assert stopped.value.code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM after step 1; continue with" in capsys.readouterr().err


def test_nan_in_the_loss_stops_before_a_checkpoint_is_spoilt(fit, capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        fit("run", "--trainer.callbacks+=probes.PoisonAt", "--trainer.callbacks.step=8")
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert "the loss is not finite at step 9" in message
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert str(checkpoint) in message
    assert all(v.isfinite().all() for v in load(checkpoint)["state_dict"].values())


def test_weights_that_the_last_step_spoilt_are_not_written(fit, capsys, tmp_path):
    """Its loss was finite, and so all that a step says."""
    with pytest.raises(SystemExit) as stopped:
        fit("run", "--trainer.callbacks+=probes.SpoilAfter", "--trainer.callbacks.step=12",
            "--report.tikhonov=false")  # fmt: skip
    assert stopped.value.code == 2
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    message = capsys.readouterr().err
    assert "weights are not finite after step 12: lower learning_rate or check the loss" in message
    assert f"go on from the last good checkpoint ({checkpoint})" in message
    assert load(checkpoint)["global_step"] == 6
    assert all(v.isfinite().all() for v in load(checkpoint)["state_dict"].values())


def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(tiny_run, fit):
    runs = [tiny_run, fit("again"), fit("other", "--data.training_seed=1")]
    weights = [load(path / "checkpoints/last.ckpt")["state_dict"] for path in runs]
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)
    assert not all(torch.equal(weights[0][key], weights[2][key]) for key in weights[0])


def test_parts_of_every_kind_are_named_on_the_command_line(fit):
    directory = fit(
        "run", "--trainer.max_epochs=1",
        "--experiment.disturbances+=BackgroundDrift", "--experiment.disturbances.relative_std=0.05",
        "--experiment.disturbances+=FFPDisplacement", "--experiment.disturbances.jitter_std_m=1e-5",
        "--experiment.phantoms.bars=Bars", "--experiment.phantoms.bars.width_mm=[0.4,0.5]",
        "--experiment.phantoms.rings=probes.Rings", "--experiment.phantom_weights.rings=3",
        "--experiment.true_scanner.gradient_x_t_per_m=4.8",
        "--experiment.preliminary=probes.Backprojection",
        "--model.final_loss=torch.nn.L1Loss", "--model.optimizer=torch.optim.SGD",
        "--model.schedule.final=0.5",
    )  # fmt: skip
    config = yaml.safe_load((directory / "config.yaml").read_text())
    experiment = config["experiment"]
    names = [part["class_path"].rsplit(".")[-1] for part in experiment["disturbances"]]
    assert names == ["BackgroundDrift", "FFPDisplacement"]
    assert set(experiment["phantoms"]) == {"bars", "rings"}
    assert experiment["preliminary"]["class_path"] == "probes.Backprojection"
    # From the warm-up's end at 4 % of training, half a cosine from 1 down to 0.5.
    angles = [math.pi * ((step + 1) / 6 - 0.04) / 0.96 for step in range(6)]
    expected = [2e-3 * (0.75 + 0.25 * math.cos(angle)) for angle in angles]
    assert logged(directory, "lr-SGD") == pytest.approx(expected, rel=1e-6)


def test_another_directory_gets_a_run_of_its_own(tiny_run, resume, tmp_path):
    """All that the training left stays as it was: the fixture sees to that."""
    directory = tmp_path / "longer"
    last = tiny_run / "checkpoints" / "last.ckpt"
    resume(last, "--output", directory, "--trainer.max_epochs=3", "--report.tikhonov=false")
    assert load(directory / "checkpoints" / "last.ckpt")["global_step"] == 18
    assert min(int(row["step"]) for row in rows(directory)) == 12


def test_from_the_best_state_a_run_of_its_own_goes_on(tiny_run, resume, tmp_path):
    best = tiny_run / "checkpoints" / "best.ckpt"
    resume(best, f"--trainer.default_root_dir={tmp_path}", "--trainer.fast_dev_run=true")
    (directory,) = tmp_path.glob("fit-*")
    assert (directory / "config.yaml").is_file()


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--experiment.phantom_weights.blobs=0", "experiment.phantom_weights"),
        ("--model.learning_rate=1e-3", "model.learning_rate"),
        ("--data.training_seed=1", "data.training_seed"),
    ],
)
def test_another_training_is_not_resumed(tiny_run, resume, capsys, option, name):
    with pytest.raises(SystemExit, match="2"):
        resume(tiny_run / "checkpoints" / "last.ckpt", option)
    assert f"error: {name} is not what the training of" in capsys.readouterr().err


@pytest.fixture
def shared(tiny_run, tmp_path):
    """Weights alone."""
    path = tmp_path / "shared.ckpt"
    trained.save(trained.load(tiny_run / "checkpoints" / "last.ckpt"), path)
    return path


def test_weights_alone_are_not_resumed(shared, resume, capsys):
    with pytest.raises(SystemExit, match="2"):
        resume(shared)
    message = capsys.readouterr().err
    assert f"{shared} holds weights, and no state of a training" in message
    assert "start from them with --weights" in message


@pytest.mark.parametrize("has_state", [True, False], ids=["another training", "weights alone"])
def test_a_training_of_its_own_starts_with_the_weights(tiny_run, shared, fit, capsys, has_state):
    last = tiny_run / "checkpoints" / "last.ckpt"
    start = last if has_state else shared
    options = ["--model.learning_rate=1e-12", "--trainer.max_epochs=1"]
    directory = fit("run", "--weights", start, *options)
    assert f"starts with the weights of {start}, at its first step" in capsys.readouterr().err
    found = load(directory / "checkpoints" / "last.ckpt")
    assert found["global_step"] == 6
    for name, weights in load(last)["state_dict"].items():
        torch.testing.assert_close(found["state_dict"][name], weights, rtol=0, atol=1e-9)


def test_the_best_checkpoint_is_tested_whatever_else_is_written(fit, tmp_path):
    callback = "lightning.pytorch.callbacks.ModelCheckpoint"
    directory = fit(
        "run", f"--trainer.callbacks+={callback}", "--trainer.callbacks.monitor=val/final/psnr_db",
        "--trainer.callbacks.mode=min", f"--trainer.callbacks.dirpath={tmp_path / 'worst'}",
    )  # fmt: skip
    best, (worst,) = directory / "checkpoints" / "best.ckpt", (tmp_path / "worst").iterdir()
    assert load(best)["global_step"] != load(worst)["global_step"]
    again = {}
    for path in (best, worst):
        output = tmp_path / f"test of {path.stem}"
        main(["test", str(path), "--output", str(output), "--classical"])
        again[path] = reported(output)
    assert reported(directory / "report") == pytest.approx(again[best], rel=1e-6)
    assert reported(directory / "report") != pytest.approx(again[worst], rel=1e-3)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_stage_keeps_the_names_of_its_weights(tiny_run, tmp_path):
    """In a process of its own: the compiler can't trace the tests' runtime type checks."""
    directory, cache = tmp_path / "compiled", tmp_path / "cache"
    arguments = [
        sys.executable, "-m", "mpi_cascade", "fit", "--config", str(TINY), "--trainer.max_epochs=1",
        "--trainer.callbacks+=mpi_cascade.training.callbacks.CompileRefinement",
        "--report.tikhonov=false", "--output", str(directory),
    ]  # fmt: skip
    result = subprocess.run(
        arguments, cwd=tmp_path, env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(cache)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    assert any(cache.rglob("*.cpp"))
    weights = [load(path / "checkpoints/best.ckpt")["state_dict"] for path in (tiny_run, directory)]
    assert weights[0].keys() == weights[1].keys()
