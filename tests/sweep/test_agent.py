"""The real ``wandb sweep`` and ``wandb agent``, against a server on loopback, with real trials."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from sweep_files import METRIC, ROOT, logged_values, processes_of, write_sweep_file
from sweep_server import ENTITY, PROJECT, SWEEP, SweepServer

pytestmark = pytest.mark.slow


class Agent(NamedTuple):
    """What an agent has left behind."""

    server: SweepServer
    runs: list[Path]
    output: str
    directory: Path


def run_agent(directory: Path, file: Path, server: SweepServer) -> Agent:
    """Makes a sweep of a file and runs its agent to the end."""
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline",
        "WANDB_BASE_URL": server.url, "WANDB_API_KEY": 40 * "0", "WANDB_PROJECT": PROJECT,
    }  # fmt: skip
    output = ""
    for command in (["sweep", str(file)], ["agent", f"{ENTITY}/{PROJECT}/{SWEEP}"]):
        result = subprocess.run(
            ["wandb", *command], cwd=directory, env=environment, capture_output=True, text=True,
            timeout=500, check=False,
        )  # fmt: skip
        output += result.stdout + result.stderr
        assert result.returncode == 0, output
    return Agent(server, runs_in(directory), output, directory)


def runs_in(directory: Path) -> list[Path]:
    return sorted((directory / "runs").glob("fit-*"))


def values_in(directory: Path) -> list[float]:
    return [values[-1] for run in runs_in(directory) if (values := logged_values(run))]


def inspect(run: Path) -> dict:
    """Returns what the run's own W&B files hold, read by wandb; each trial has one."""
    (offline,) = (run / "wandb").glob("offline-run-*")
    result = subprocess.run(
        ["wandb", "leet", "inspect", "--summary", "--json", str(offline)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(result.stdout)


def assert_has_parameters(run: Path, trial: dict) -> None:
    """The sweep's parameters are in the config of the W&B run, and are what was trained with."""
    config = inspect(run)["config"]
    for name, entry in trial["args"].items():
        assert config[name] == pytest.approx(entry["value"]), name
        value = config
        for part in name.split("."):
            value = value[part]
        assert value == pytest.approx(entry["value"]), name


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    directory = tmp_path_factory.mktemp("grid")
    rates = {"values": [2.0e-3, 1.0e-3]}
    parameters = {"model.learning_rate": rates, "seed_everything": {"value": 3}}
    file = write_sweep_file(directory / "grid.yaml", "grid", parameters)
    with SweepServer(2, lambda: values_in(directory)) as server:
        yield run_agent(directory, file, server)


def test_every_trial_of_a_grid_runs_with_its_parameters(grid):
    assert "violation" not in grid.output
    assert grid.server.unknown == []
    assert [t["args"]["model.learning_rate"]["value"] for t in grid.server.trials] == [2e-3, 1e-3]
    for run, trial in zip(grid.runs, grid.server.trials, strict=True):
        assert_has_parameters(run, trial)


def test_every_trial_of_a_grid_has_logged_its_metric(grid):
    for run in grid.runs:
        assert inspect(run)["summary"][METRIC] == pytest.approx(logged_values(run)[-1], rel=1e-5)


@pytest.fixture(scope="module")
def bayes(tmp_path_factory):
    """Two processes a trial; the second trial has no end of its own and is stopped."""
    directory = tmp_path_factory.mktemp("bayes")
    parameters = {
        "model.learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}
    }
    arguments = (
        "--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp",
        "--data.batch_size=2",
    )  # fmt: skip
    file = write_sweep_file(directory / "bayes.yaml", "bayes", parameters, *arguments)
    endless = {"trainer.max_epochs": 100_000}
    with SweepServer(2, lambda: values_in(directory), endless) as server:
        yield run_agent(directory, file, server)


def test_every_trial_of_two_processes_is_one_run_with_its_parameters(bayes):
    assert bayes.server.unknown == []
    assert len(bayes.server.trials) == 2
    for run, trial in zip(bayes.runs, bayes.server.trials, strict=True):
        assert 1e-4 <= trial["args"]["model.learning_rate"]["value"] <= 1e-2
        assert_has_parameters(run, trial)
        assert METRIC in inspect(run)["summary"]


def test_a_stop_ends_every_process_of_a_trial(bayes):
    assert "stopped by SIGTERM after step" in bayes.output
    assert (bayes.runs[-1] / "checkpoints" / "last.ckpt").is_file()
    deadline = time.monotonic() + 10
    while (left := processes_of(bayes.directory)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []
