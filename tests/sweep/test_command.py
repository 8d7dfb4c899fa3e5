"""Whole sweeps of real trainings through the command line."""

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml
from command_line import SMALL, succeed
from results import table
from sweep_files import METRIC, ROOT, logged_values, processes_of, write_sweep_file

from mpi_cascade.sweep.definition import read_sweep
from mpi_cascade.sweep.searching import ends

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
    for seed in (0, 1):
        run = directory / "trials" / f"{seed:03d}"
        assert (run / "checkpoints" / "best.ckpt").is_file()
        assert f"\nseed_everything: {seed}\n" in f"\n{(run / 'config.yaml').read_text()}"
        values.append(logged_values(run)[-1])
    (row,) = table(directory / "sweep.csv")
    assert float(row[METRIC]) == pytest.approx(sum(values) / 2)
    assert float(row["low"]) < min(values) < max(values) < float(row["high"])
    assert (directory / "history.png").stat().st_size > 0
    assert "2 finished, 2 failed of 4 trials" in result.stdout


def test_failing_trials_are_reported_with_what_they_said(swept):
    _, directory, result = swept
    assert result.returncode == 1
    assert "samples_per_epoch is 25" in result.stderr
    assert "samples_per_epoch is 25" in (directory / "sweep.md").read_text()
    states = [row["state"] for row in table(directory / "trials.csv")]
    assert states == ["finished", "finished", "failed", "failed"]


def test_a_sweep_that_has_ended_runs_nothing_again(swept):
    file, directory, _ = swept
    before = sorted((directory / "trials").rglob("*"))
    result = run_sweep(str(file), "--output", str(directory))
    assert "after" not in result.stdout  # No trial has a line.
    assert "2 finished, 2 failed of 4 trials" in result.stdout
    assert sorted((directory / "trials").rglob("*")) == before


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
    while not any(map(logged_values, directory.glob("trials/000"))):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGINT
    assert "stopped; 1 unfinished of 2 trials: the same command goes on with them" in errors
    assert processes_of(directory) == []
    run = directory / "trials" / "000"
    before = logged_values(run)
    assert (run / "checkpoints" / "last.ckpt").is_file()
    result = run_sweep(str(file), "--output", str(directory))
    assert result.returncode == 0, result.stdout + result.stderr
    trials = table(directory / "trials.csv")
    assert [trial["state"] for trial in trials] == ["finished", "finished"]
    assert [trial["directory"] for trial in trials] == ["trials/000", "trials/001"]
    assert logged_values(run)[: len(before)] == before
    assert len(logged_values(run)) == 3


SHIPPED = sorted((ROOT / "sweeps").glob("*.yaml"))


def test_there_are_sweeps():
    assert {path.stem for path in SHIPPED} >= {"losses", "networks", "training"}


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_sweep_can_run(file, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert f"{file} can run: " in succeed("sweep", file, "--check")


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.stem)
def test_a_trial_of_every_shipped_sweep_runs_a_step(file, monkeypatch, tmp_path):
    """The last value of everything, small, through the entry point."""
    monkeypatch.chdir(ROOT)
    sweep = read_sweep(file)
    values = {name: ends(distribution)[-1] for name, distribution in sweep.space.items()}
    arguments = sweep.fit_arguments(values)
    succeed("fit", *arguments, *SMALL, f"--output={tmp_path / 'run'}")
    configured = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert {"experiment", "model", "data", "trainer"} <= configured.keys()
