"""Trials as processes: how they start, fail, are stopped, interrupted, resumed and run anew."""

import signal
import subprocess
import sys
import time

import pytest
from optuna.trial import TrialState
from sweep_files import processes_of

from mpi_cascade.checks import InputError
from mpi_cascade.sweep import running
from mpi_cascade.sweep.running import run_trials, visible_gpus
from mpi_cascade.sweep.study import open_sweep

FINISHED, STOPPED, FAILED = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


def run(directory, file, num_trials, num_jobs=1, report=lambda number: None):
    """Runs a sweep and returns its trials."""
    with open_sweep(directory, file) as sweep:
        run_trials(sweep, num_trials, num_jobs, report)
        return sweep.trials


def states(trials):
    return [trial.state for trial in trials]


def assert_nothing_runs(directory):
    deadline = time.monotonic() + 5
    while (left := processes_of(directory)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_a_grid_runs_to_its_end_in_the_files_order(tmp_path, short_sweep):
    file = short_sweep("grid", {"level": {"values": [30, 20]}, "num_values": {"value": 2}})
    trials = run(tmp_path / "sweep", file, file.num_trials(9))
    assert states(trials) == [FINISHED, FINISHED]
    assert [trial.params["level"] for trial in trials] == [30, 20]
    assert [trial.value for trial in trials] == [30.1, 20.1]
    assert trials[0].intermediate_values == {1: 30.0, 2: 30.1}


def test_a_failing_trial_is_reported_and_does_not_hide_the_rest(tmp_path, short_sweep):
    parameters = {"status": {"values": [3, 0]}, "level": {"value": 20}, "num_values": {"value": 1}}
    reported = []
    trials = run(tmp_path / "sweep", short_sweep("grid", parameters), 2, report=reported.append)
    assert states(trials) == [FAILED, FINISHED]
    assert trials[0].user_attrs["message"] == "error: the scanner is off"
    assert reported == [0, 1]
    assert_nothing_runs(tmp_path / "sweep")


def test_a_trial_that_logs_no_metric_has_failed(tmp_path, short_sweep):
    file = short_sweep("grid", {"level": {"value": 20}, "num_values": {"values": [0]}})
    (trial,) = run(tmp_path / "sweep", file, 1)
    assert trial.state == FAILED
    assert trial.user_attrs["message"] == "it logged no finite val/final/psnr_db"


def test_jobs_run_side_by_side(tmp_path, short_sweep):
    parameters = {"level": {"values": [1, 2, 3]}, "num_values": {"value": 6}}
    most = 0
    with open_sweep(tmp_path / "sweep", short_sweep("grid", parameters)) as sweep:

        def count(number):
            nonlocal most
            most = max(most, states(sweep.trials).count(TrialState.RUNNING) + 1)

        run_trials(sweep, 3, 2, count)
        assert states(sweep.trials) == 3 * [FINISHED]
    assert most == 2


def test_trials_side_by_side_have_a_gpu_each(tmp_path, short_sweep, monkeypatch):
    """Those that the user has left visible, and none twice while another is free."""
    monkeypatch.setattr(running.torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert visible_gpus() == ["5", "7"]
    given = []
    start = subprocess.Popen

    def note(command, **options):
        given.append(options["env"]["CUDA_VISIBLE_DEVICES"])
        return start(command, **options)

    monkeypatch.setattr(running.subprocess, "Popen", note)
    file = short_sweep("grid", {"level": {"values": [1, 2, 3]}, "num_values": {"value": 4}})
    run(tmp_path / "sweep", file, 3, num_jobs=2)
    assert sorted(given[:2]) == ["5", "7"]
    assert given[2] in given[:2]


def test_one_trial_at_a_time_has_all_gpus(monkeypatch):
    monkeypatch.setattr(running.torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == ["0", "1"]
    assert "CUDA_VISIBLE_DEVICES" not in running._environment(1, [])


def test_a_poor_trial_is_ended_with_all_its_processes(tmp_path, short_sweep, monkeypatch):
    monkeypatch.setattr(running, "_LOOK_INTERVAL_S", 0.1)
    parameters = {"level": {"values": [*range(31, 27, -1)]}, "num_values": {"value": 9}}
    band = {"type": "hyperband", "max_iter": 9, "s": 1, "eta": 3}
    file = short_sweep("grid", parameters, early_terminate=band)
    trials = run(tmp_path / "sweep", file, 4, num_jobs=2)
    assert set(states(trials)) == {FINISHED, STOPPED}
    assert trials[0].state == FINISHED
    for trial in trials:
        assert (trial.state == STOPPED) == (len(trial.intermediate_values) < 9)
    assert_nothing_runs(tmp_path / "sweep")


def test_a_target_ends_the_search(tmp_path, short_sweep):
    metric = {"name": "val/final/psnr_db", "goal": "maximize", "target": 25}
    parameters = {"level": {"values": [20, 30, 40]}, "num_values": {"value": 1}}
    trials = run(tmp_path / "sweep", short_sweep("grid", parameters, metric=metric), 3)
    assert [trial.params["level"] for trial in trials] == [20, 30]


def interrupting(directory):
    """Interrupts when the first trial has ended and the second has logged something."""
    metrics = directory / "trials" / "001" / "metrics.csv"

    def report(number):
        if number == 0:
            deadline = time.monotonic() + 60
            while not (metrics.is_file() and metrics.read_text().count("\n") > 1):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            raise KeyboardInterrupt

    return report


def test_an_interrupted_trial_goes_on_from_its_last_checkpoint(tmp_path, short_sweep):
    """The first trial has ended, the second runs when the interrupt comes."""
    directory = tmp_path / "sweep"
    parameters = {"level": {"values": [1, 2]}, "num_values": {"values": [2, 15]}}
    file = short_sweep("grid", parameters)
    with pytest.raises(KeyboardInterrupt):
        run(directory, file, 2, num_jobs=2, report=interrupting(directory))
    assert_nothing_runs(directory)
    interrupted = (directory / "trials" / "001" / "metrics.csv").read_text()
    first = (directory / "trials" / "000" / "metrics.csv").stat().st_mtime_ns
    trials = run(directory, file, 3)
    assert states(trials) == 3 * [FINISHED]
    metrics = (directory / "trials" / "001" / "metrics.csv").read_text()
    assert metrics.startswith(interrupted)
    assert [line.split(",")[0] for line in metrics.splitlines()[1:]] == [*map(str, range(15))]
    assert len(trials[1].intermediate_values) == 15
    assert trials[1].user_attrs["seconds"] > 1.5
    assert (directory / "trials" / "000" / "metrics.csv").stat().st_mtime_ns == first


def test_an_interrupted_trial_without_a_checkpoint_begins_anew(tmp_path, short_sweep):
    directory = tmp_path / "sweep"
    parameters = {"level": {"values": [1, 2]}, "num_values": {"values": [2, 15]}}
    file = short_sweep("grid", parameters)
    with pytest.raises(KeyboardInterrupt):
        run(directory, file, 2, num_jobs=2, report=interrupting(directory))
    (directory / "trials" / "001" / "checkpoints" / "last.ckpt").unlink()
    trials = run(directory, file, 2)
    assert states(trials) == [FINISHED, FINISHED]
    assert trials[1].user_attrs["directory"] == "trials/001-2"


SWEEP = """
import sys
from pathlib import Path
from mpi_cascade.sweep.definition import read_sweep
from mpi_cascade.sweep.running import run_trials
from mpi_cascade.sweep.study import open_sweep
with open_sweep(Path(sys.argv[1]), read_sweep(Path(sys.argv[2]))) as sweep:
    run_trials(sweep, 1, 1, print)
"""


def test_no_trial_outlives_a_killed_sweep_which_can_go_on(tmp_path, short_sweep):
    directory = tmp_path / "sweep"
    file = short_sweep("grid", {"level": {"values": [1]}, "num_values": {"value": 15}})
    command = [sys.executable, "-c", SWEEP, str(directory), str(file.path)]
    sweep = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    metrics = directory / "trials" / "000" / "metrics.csv"
    while not (metrics.is_file() and metrics.read_text().count("\n") > 3):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    sweep.send_signal(signal.SIGKILL)
    sweep.wait()
    assert_nothing_runs(directory)
    assert (directory / "trials" / "000" / "checkpoints" / "last.ckpt").is_file()
    (trial,) = run(directory, file, 1)
    assert trial.state == FINISHED
    assert trial.user_attrs["directory"] == "trials/000"


def test_a_trial_that_does_not_end_is_killed_and_holds_its_directory_until_then(
    tmp_path, short_sweep, monkeypatch
):
    monkeypatch.setattr(running, "_KILL_DELAY_S", 1.0)
    directory = tmp_path / "sweep"
    parameters = {"level": {"value": 1}, "num_values": {"values": [600]}, "deaf": {"value": 1}}
    file = short_sweep("grid", parameters)
    with open_sweep(directory, file) as sweep:
        process = running._Process(sweep, sweep.ask(), running._environment(1, []))
        while not process.look():
            time.sleep(0.02)
    with pytest.raises(InputError, match="is in use"), open_sweep(directory, file):
        pass
    process.end()
    process._leash.wait()
    assert_nothing_runs(directory)


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_search_draws_the_same_whatever_was_interrupted(tmp_path, short_sweep, method):
    parameters = {
        "level": {"distribution": "log_uniform_values", "min": 1, "max": 100},
        "width": {"values": [[8], [16, 32]]},
        "depth": {"min": 1, "max": 9},
    }
    file = short_sweep(method, parameters)
    drawn = {}
    for name, sizes in (("once", [8]), ("thrice", [3, 2, 3])):
        for size in sizes:
            with open_sweep(tmp_path / name, file) as sweep:
                for _ in range(size):
                    trial = sweep.ask()
                    sweep.study.tell(trial, trial.params["level"])
                drawn[name] = [trial.params for trial in sweep.trials]
    assert drawn["once"] == drawn["thrice"]
    assert len({params["level"] for params in drawn["once"]}) == 8


def test_a_bayesian_search_goes_where_the_metric_was_high(tmp_path, short_sweep):
    """The last ten of 25 trials are half as far from the optimum as trials at random are, 3."""
    file = short_sweep("bayes", {"level": {"min": -5.0, "max": 5.0}})
    with open_sweep(tmp_path / "sweep", file) as sweep:
        for _ in range(25):
            trial = sweep.ask()
            sweep.study.tell(trial, -abs(trial.params["level"] - 3))
        distances = sorted(-trial.value for trial in sweep.trials[15:])
    assert distances[5] < 1.5


def test_a_directory_serves_one_command_at_a_time(tmp_path, short_sweep):
    file = short_sweep("grid", {"level": {"values": [1]}, "num_values": {"value": 1}})
    with (
        open_sweep(tmp_path / "sweep", file),
        pytest.raises(InputError, match="is in use by another sweep command"),
        open_sweep(tmp_path / "sweep", file),
    ):
        pass


def test_a_directory_of_another_sweep_is_refused(tmp_path, short_sweep):
    with open_sweep(tmp_path / "sweep", short_sweep("grid", {"level": {"values": [1]}})):
        pass
    other = short_sweep("grid", {"level": {"values": [1, 2]}})
    with (
        pytest.raises(InputError, match="holds the trials of another sweep than"),
        open_sweep(tmp_path / "sweep", other),
    ):
        pass


def test_a_directory_of_something_else_is_refused(tmp_path, short_sweep):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(InputError, match="holds something that is no sweep"),
        open_sweep(tmp_path / "kept", short_sweep("grid", {"level": {"values": [1]}})),
    ):
        pass
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["thesis.txt"]
