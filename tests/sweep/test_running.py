"""Trials as processes: how they start, fail, are stopped, interrupted and run anew."""

import time

import pytest
from sweep_files import processes_of

from mpi_cascade.checks import InputError
from mpi_cascade.sweep import running
from mpi_cascade.sweep.record import State, open_record
from mpi_cascade.sweep.running import Runner


def run(directory, file, num_trials, num_jobs=1, report=lambda trial: None):
    with open_record(directory, file) as record:
        Runner(record, num_jobs, report).run(num_trials)
    return record


def states(record):
    return [trial.state for trial in record.trials]


def assert_nothing_runs(directory):
    deadline = time.monotonic() + 5
    while (left := processes_of(directory)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_a_grid_runs_to_its_end(tmp_path, short_sweep):
    file = short_sweep("grid", {"level": {"values": [20, 30]}, "num_values": {"value": 2}})
    record = run(tmp_path / "sweep", file, 9)
    assert states(record) == [State.FINISHED, State.FINISHED]
    assert [trial.parameters["level"] for trial in record.trials] == [20, 30]
    assert [record.history(trial) for trial in record.trials] == [[20.0, 20.1], [30.0, 30.1]]


def test_a_failing_trial_is_reported_and_does_not_hide_the_rest(tmp_path, short_sweep):
    parameters = {"status": {"values": [3, 0]}, "level": {"value": 20}, "num_values": {"value": 1}}
    reported = []
    record = run(tmp_path / "sweep", short_sweep("grid", parameters), 2, report=reported.append)
    assert states(record) == [State.FAILED, State.FINISHED]
    assert record.trials[0].message == "error: the scanner is off"
    assert reported == record.trials
    assert_nothing_runs(tmp_path / "sweep")


def test_a_trial_that_logs_no_metric_has_failed(tmp_path, short_sweep):
    file = short_sweep("grid", {"level": {"value": 20}, "num_values": {"values": [0]}})
    record = run(tmp_path / "sweep", file, 1)
    assert states(record) == [State.FAILED]
    assert record.trials[0].message == "it logged no finite val/final/psnr"


def test_jobs_run_side_by_side(tmp_path, short_sweep):
    parameters = {"level": {"values": [1, 2, 3, 4]}, "num_values": {"value": 8}}
    most = 0

    def count(trial):
        nonlocal most
        most = max(most, sum(other.state == State.RUNNING for other in record.trials) + 1)

    with open_record(tmp_path / "sweep", short_sweep("grid", parameters)) as record:
        Runner(record, 2, count).run(4)
    assert most == 2
    assert states(record) == 4 * [State.FINISHED]


def test_hyperband_ends_a_poor_trial_with_all_its_processes(tmp_path, short_sweep, monkeypatch):
    monkeypatch.setattr(running, "_STOPPING_INTERVAL_S", 0.1)
    parameters = {"level": {"values": [31, 30, 20]}, "num_values": {"value": 20}}
    band = {"type": "hyperband", "max_iter": 4, "s": 1, "eta": 2}
    record = run(tmp_path / "sweep", short_sweep("grid", parameters, early_terminate=band), 3)
    assert states(record) == [State.FINISHED, State.FINISHED, State.STOPPED]
    assert 2 < len(record.history(record.trials[2])) < 20
    assert_nothing_runs(tmp_path / "sweep")


def test_a_target_ends_the_search(tmp_path, short_sweep):
    metric = {"name": "val/final/psnr", "goal": "maximize", "target": 25}
    parameters = {"level": {"values": [20, 30, 40]}, "num_values": {"value": 1}}
    record = run(tmp_path / "sweep", short_sweep("grid", parameters, metric=metric), 3)
    assert [trial.parameters["level"] for trial in record.trials] == [20, 30]


def interrupt(trial):
    if trial.number == 1:
        raise KeyboardInterrupt


def test_an_interrupted_sweep_goes_on(tmp_path, short_sweep):
    """The first trial has ended, the second runs when the interrupt comes."""
    directory = tmp_path / "sweep"
    parameters = {"level": {"values": [1, 2, 3]}, "num_values": {"values": [1, 20]}}
    file = short_sweep("grid", parameters)
    with pytest.raises(KeyboardInterrupt):
        run(directory, file, 3, num_jobs=2, report=interrupt)
    assert_nothing_runs(directory)
    first = (directory / "trials" / "001" / "fit-1" / "metrics.csv").stat().st_mtime_ns
    record = run(directory, file, 3)
    assert states(record) == 3 * [State.FINISHED]
    assert [trial.attempt for trial in record.trials] == [1, 2, 1]
    assert (directory / "trials" / "001" / "fit-1" / "metrics.csv").stat().st_mtime_ns == first
    assert record.directory_of(record.trials[1]).name == "002-2"


def test_a_killed_sweep_goes_on(tmp_path, short_sweep):
    """A process that is killed saves nothing more: its trial is still said to run."""
    directory = tmp_path / "sweep"
    file = short_sweep("grid", {"level": {"values": [1, 2]}, "num_values": {"value": 1}})
    record = run(directory, file, 1)
    record.trials[0].state = State.RUNNING
    record.save()
    record = run(directory, file, 2)
    assert states(record) == [State.FINISHED, State.FINISHED]
    assert [trial.attempt for trial in record.trials] == [2, 1]


def test_a_directory_serves_one_command_at_a_time(tmp_path, short_sweep):
    file = short_sweep("grid", {"level": {"values": [1]}, "num_values": {"value": 1}})
    with (
        open_record(tmp_path / "sweep", file),
        pytest.raises(InputError, match="is in use by another sweep command"),
        open_record(tmp_path / "sweep", file),
    ):
        pass


def test_a_directory_of_another_sweep_is_refused(tmp_path, short_sweep):
    with open_record(tmp_path / "sweep", short_sweep("grid", {"level": {"values": [1]}})):
        pass
    other = short_sweep("grid", {"level": {"values": [1, 2]}})
    with (
        pytest.raises(InputError, match="holds the trials of another sweep than"),
        open_record(tmp_path / "sweep", other),
    ):
        pass


def test_a_directory_of_something_else_is_refused(tmp_path, short_sweep):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(InputError, match="holds something that is no sweep"),
        open_record(tmp_path / "kept", short_sweep("grid", {"level": {"values": [1]}})),
    ):
        pass
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["thesis.txt"]
