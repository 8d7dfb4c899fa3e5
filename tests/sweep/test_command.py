"""Whole sweeps of real trainings through the command line."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import SMALL
from mpi_cascade.training.parsing import CommandReader
from sweep_files import METRIC, ROOT, logged_values, processes_of, write_sweep_file

from mpi_cascade.cli import main
from mpi_cascade.sweep.definition import read_sweep
from mpi_cascade.training.logged import logged_names

pytestmark = pytest.mark.slow


def sweep_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mpi_cascade", "sweep", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def run_sweep(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        sweep_command(*arguments), env=environment(), capture_output=True, text=True,
        timeout=500, check=False,
    )  # fmt: skip


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Two settings, of which one can't run, and two seeds."""
    directory = tmp_path_factory.mktemp("swept")
    parameters = {
        "data.samples_per_epoch": {"values": [24, 25]}, "seed_everything": {"values": [0, 1]}
    }  # fmt: skip
    file = write_sweep_file(directory / "sweep.yaml", "grid", parameters)
    result = run_sweep(str(file), "--output", str(directory / "out"))
    return file, directory / "out", result


def test_trials_are_ordinary_runs_and_seeds_are_taken_together(swept):
    _, directory, result = swept
    values = []
    for number, seed in enumerate((0, 1), start=1):
        (run,) = (directory / "trials" / f"{number:03d}").glob("fit-*")
        assert (run / "checkpoints" / "best.ckpt").is_file()
        assert f"\nseed_everything: {seed}\n" in f"\n{(run / 'config.yaml').read_text()}"
        values.append(logged_values(run)[-1])
    (row,) = rows(directory / "sweep.csv")
    assert float(row[METRIC]) == pytest.approx(sum(values) / 2)
    assert float(row["low"]) < min(values) < max(values) < float(row["high"])
    assert (directory / "sweep.png").stat().st_size > 0
    assert "2 finished, 2 failed of 4 trials" in result.stdout


def test_failing_trials_are_reported_with_what_they_said(swept):
    _, directory, result = swept
    assert result.returncode == 1
    assert "samples_per_epoch is 25" in result.stdout
    assert "samples_per_epoch is 25" in (directory / "sweep.md").read_text()
    states = [row["state"] for row in rows(directory / "trials.csv")]
    assert states == ["finished", "finished", "failed", "failed"]


def test_a_sweep_that_has_ended_runs_nothing_again(swept):
    file, directory, _ = swept
    before = sorted((directory / "trials").rglob("*"))
    result = run_sweep(str(file), "--output", str(directory))
    assert "after" not in result.stdout  # No trial has a line.
    assert "2 finished, 2 failed of 4 trials" in result.stdout
    assert sorted((directory / "trials").rglob("*")) == before


def test_logged_names_are_those_of_a_training(swept):
    _, directory, _ = swept
    (run,) = (directory / "trials" / "001").glob("fit-*")
    built = CommandReader().read(["fit", "--config", str(run / "config.yaml")])
    logged = {name for name in rows(run / "metrics.csv")[0] if "/" in name}
    assert set(logged_names(built.model, built.data)) == logged


def test_ctrl_c_ends_every_process_and_the_same_command_goes_on(tmp_path):
    """Trials of two processes each; the first is interrupted while it trains."""
    rates = {"model.learning_rate": {"values": [1.0e-3, 2.0e-3]}}
    arguments = (
        "--trainer.devices=2", "--trainer.strategy=ddp", "--data.batch_size=2",
        "--trainer.max_epochs=3",
    )  # fmt: skip
    file = write_sweep_file(tmp_path / "sweep.yaml", "grid", rates, *arguments)
    directory = tmp_path / "out"
    command = sweep_command(str(file), "--output", str(directory))
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 300
    while not any(map(logged_values, directory.glob("trials/001/*"))):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGINT
    assert "stopped; 1 interrupted of 2 trials. Continue with\n  python -m mpi_cascade" in errors
    assert processes_of(directory) == []
    result = run_sweep(str(file), "--output", str(directory))
    assert result.returncode == 0, result.stdout + result.stderr
    trials = json.loads((directory / "sweep.json").read_text())["trials"]
    assert [(trial["state"], trial["attempt"]) for trial in trials] == [
        ("finished", 2), ("finished", 1)
    ]  # fmt: skip


SHIPPED = sorted((ROOT / "sweeps").glob("*.yaml"))


def test_there_are_sweeps():
    assert {path.stem for path in SHIPPED} >= {"losses", "networks", "training"}


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_sweep_can_run(file, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["mpi_cascade", "sweep", str(file), "--check"])
    main()
    assert f"{file} can run: " in capsys.readouterr().out


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.stem)
def test_a_trial_of_every_shipped_sweep_runs_a_step(file, monkeypatch, tmp_path):
    """The last value of everything, small, through the entry point."""
    monkeypatch.chdir(ROOT)
    sweep = read_sweep(file)
    arguments = sweep.fit_arguments({name: values[-1] for name, values in sweep.space.items()})
    root = f"--trainer.default_root_dir={tmp_path}"
    monkeypatch.setattr(sys, "argv", ["mpi_cascade", *arguments, *SMALL, root])
    main()
    assert list(tmp_path.glob("fit-*/config.yaml"))
