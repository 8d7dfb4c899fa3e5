"""Runs the trials of a sweep, some at a time, and ends those that should not go on.

Must not know how trials are compared.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from mpi_cascade.sweep.engine import Observed, best, next_parameters, trials_to_stop
from mpi_cascade.sweep.record import Record, State, Trial

_POLL_S = 0.1
_STOPPING_INTERVAL_S = 2.0
_KILL_DELAY_S = 60.0
"""Time that a trial has, after SIGTERM, to write its last checkpoint."""

_ENGINE_STATES = {
    State.RUNNING: "running",
    State.INTERRUPTED: "pending",
    State.FINISHED: "finished",
    State.STOPPED: "killed",
    State.FAILED: "failed",
}


@dataclass(kw_only=True)
class _Process:
    """A trial that runs, in a process group of its own with all its ranks."""

    trial: Trial
    leader: subprocess.Popen[bytes]
    started: float
    kill_at: float | None = None

    @property
    def is_stopping(self) -> bool:
        return self.kill_at is not None

    def signal(self, signum: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # It may have ended by itself.
            os.killpg(self.leader.pid, signum)

    def stop(self) -> None:
        """Asks the trial to end, all its ranks at once: a rank left alone would wait for them."""
        self.kill_at = time.monotonic() + _KILL_DELAY_S
        self.signal(signal.SIGTERM)

    def kill_if_overdue(self) -> None:
        if self.kill_at is not None and time.monotonic() > self.kill_at:
            self.signal(signal.SIGKILL)


class Runner:
    """Runs trials until there are enough, or a grid has no more.

    Args:
        record: The sweep's trials so far; every change is saved.
        num_jobs: Trials at a time.
        report: Called with a trial that has ended.
    """

    def __init__(self, record: Record, num_jobs: int, report: Callable[[Trial], None]) -> None:
        self.record = record
        self.num_jobs = num_jobs
        self.report = report
        self._running: list[_Process] = []
        self._histories = {
            trial.number: record.history(trial)
            for trial in record.trials
            if trial.state != State.INTERRUPTED
        }

    def run(self, num_trials: int) -> None:
        """Runs trials until the sweep has this many; whatever ends it, ends them too."""
        checked = time.monotonic()
        try:
            while self._start_trials(num_trials) or self._running:
                time.sleep(_POLL_S)
                self._collect()
                if time.monotonic() > checked + _STOPPING_INTERVAL_S:
                    self._stop_early()
                    checked = time.monotonic()
        finally:
            self._end_all()

    def _start_trials(self, num_trials: int) -> bool:
        """Starts trials where there is room; returns whether any was started."""
        has_started = False
        while len(self._running) < self.num_jobs and (trial := self._next(num_trials)):
            self._start(trial)
            has_started = True
        return has_started

    def _next(self, num_trials: int) -> Trial | None:
        for trial in self.record.trials:
            if trial.state == State.INTERRUPTED:
                trial.attempt += 1
                return trial
        if len(self.record.trials) >= num_trials or self._has_reached_target():
            return None
        parameters = next_parameters(self.record.file.config, self._observed())
        if parameters is None:
            return None
        trial = Trial(number=len(self.record.trials) + 1, parameters=parameters)
        self.record.trials.append(trial)
        return trial

    def _has_reached_target(self) -> bool:
        target = self.record.file.config["metric"].get("target")
        if target is None:
            return False
        is_maximised = self.record.file.is_maximised
        reached = [best(history, is_maximised) for history in self._histories.values() if history]
        return any(best([value, target], is_maximised) == value for value in reached)

    def _start(self, trial: Trial) -> None:
        trial.state, trial.message = State.RUNNING, ""
        self.record.save()
        directory = self.record.directory_of(trial)
        directory.mkdir(parents=True)
        command = self.record.file.command(trial.parameters, sys.executable)
        with (
            (directory / "stdout.txt").open("wb") as stdout,
            (directory / "stderr.txt").open("wb") as stderr,
        ):
            leader = subprocess.Popen(
                [*command, f"--trainer.default_root_dir={directory}"],
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=self._environment(),
                process_group=0, pass_fds=(self.record.lock.fileno(),),
            )  # fmt: skip
        self._running.append(_Process(trial=trial, leader=leader, started=time.monotonic()))

    def _environment(self) -> dict[str, str]:
        """Returns the environment of a trial: trials side by side share the cores."""
        if self.num_jobs == 1:
            return dict(os.environ)
        threads = max(1, (os.cpu_count() or 1) // self.num_jobs)
        return {"OMP_NUM_THREADS": str(threads), **os.environ}

    def _collect(self) -> None:
        for process in list(self._running):
            process.kill_if_overdue()
            if process.leader.poll() is None:
                continue
            if process.leader.returncode:
                process.signal(signal.SIGKILL)  # A rank that waits in vain for the first one.
            self._running.remove(process)
            self._judge(process)
            self.record.save()
            self.report(process.trial)

    def _judge(self, process: _Process) -> None:
        trial = process.trial
        trial.seconds = round(time.monotonic() - process.started, 1)
        self._histories[trial.number] = self.record.history(trial)
        if process.leader.returncode == 0:
            trial.state = State.FINISHED
        elif process.is_stopping:
            trial.state = State.STOPPED
        else:
            trial.state, trial.message = State.FAILED, self._last_words(process)
        if trial.state == State.FINISHED and not self._histories[trial.number]:
            trial.state = State.FAILED
            trial.message = f"it logged no finite {self.record.file.metric}"

    def _last_words(self, process: _Process) -> str:
        path = self.record.directory_of(process.trial) / "stderr.txt"
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
        spoken = [line for line in lines if line]
        return spoken[-1] if spoken else f"it ended with status {process.leader.returncode}"

    def _stop_early(self) -> None:
        for process in self._running:
            self._histories[process.trial.number] = self.record.history(process.trial)
        stopped = trials_to_stop(self.record.file.config, self._observed())
        for process in self._running:
            if process.trial.number in stopped and not process.is_stopping:
                process.stop()

    def _observed(self) -> list[Observed]:
        return [
            Observed(
                trial.number, trial.parameters, _ENGINE_STATES[trial.state],
                self._histories.get(trial.number, []),
            )
            for trial in self.record.trials
        ]  # fmt: skip

    def _end_all(self) -> None:
        """Ends what still runs, which after a regular end is nothing; those trials begin anew."""
        for process in self._running:
            process.stop()
        try:
            while any(process.leader.poll() is None for process in self._running):
                time.sleep(_POLL_S)
                for process in self._running:
                    process.kill_if_overdue()
        finally:
            for process in self._running:
                process.signal(signal.SIGKILL)
                process.trial.state = State.INTERRUPTED
            self.record.save()
