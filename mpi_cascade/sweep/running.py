"""Runs the trials of a sweep, some at a time, and ends those that should not go on."""

import csv
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import torch
from optuna.trial import TrialState

from mpi_cascade.sweep.study import Sweep

_POLL_S = 0.1
_LOOK_INTERVAL_S = 2.0
_KILL_DELAY_S = 60.0


class _Process:
    """A trial that runs, and ends when this process does.

    Args:
        sweep: Its sweep.
        trial: The trial, which goes on from its last checkpoint if it has one.
        environment: Its environment variables.
    """

    def __init__(self, sweep: Sweep, trial: optuna.Trial, environment: dict[str, str]) -> None:
        self.sweep, self.trial, self.environment = sweep, trial, environment
        self.is_poor = self._is_let_go = False
        self._started = time.monotonic()
        directory = sweep.directory / trial.user_attrs.get("directory", "")
        checkpoint = directory / "checkpoints" / "last.ckpt"
        if checkpoint.is_file():
            command = sweep.file.resuming(checkpoint, sys.executable)
        else:
            directory = _new_directory(sweep, trial)
            command = sweep.file.command(trial.params, sys.executable)
            command.append(f"--output={directory}")
        trial.set_user_attr("directory", directory.relative_to(sweep.directory).as_posix())
        self._metrics = directory / "metrics.csv"
        self._errors = directory.with_name(f"{directory.name}.stderr.txt")
        with (
            directory.with_name(f"{directory.name}.stdout.txt").open("ab") as stdout,
            self._errors.open("ab") as stderr,
        ):
            self._leash = subprocess.Popen(
                [sys.executable, "-m", "mpi_cascade.sweep.leash", str(sweep.lock),
                 str(_KILL_DELAY_S), *command],
                stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, env=environment,
                process_group=0,
            )  # fmt: skip

    @property
    def has_ended(self) -> bool:
        return self._leash.poll() is not None

    def end(self) -> None:
        """Asks the trial to write its last checkpoint and end."""
        self._is_let_go = True
        assert self._leash.stdin
        self._leash.stdin.close()

    def look(self) -> list[float]:
        """Returns what the metric was so far; Optuna is told what is new, and may call it poor."""
        history = self._history()
        known = len(self.sweep.trials[self.trial.number].intermediate_values)
        last = (self.sweep.file.content.get("early_terminate") or {}).get("max_iter")
        for number, value in enumerate(history[known:], start=known + 1):
            self.trial.report(value, number)
            if number != last and not self.has_ended and self.trial.should_prune():
                self.is_poor = True
        return history

    def conclude(self) -> None:
        """Waits for the trial's end and records it; one that was interrupted stays unfinished."""
        status, history = self._leash.wait(), self.look()
        is_interrupted = self._is_let_go
        self.end()
        seconds = self.trial.user_attrs.get("seconds", 0.0) + time.monotonic() - self._started
        self.trial.set_user_attr("seconds", round(seconds, 1))
        if status and self.is_poor:
            self.sweep.study.tell(self.trial, state=TrialState.PRUNED)
        elif status and is_interrupted:
            return
        elif status or not history:
            message = f"it logged no finite {self.sweep.file.metric}"
            self.trial.set_user_attr("message", self._last_words(status) if status else message)
            self.sweep.study.tell(self.trial, state=TrialState.FAIL)
        else:
            self.sweep.study.tell(self.trial, self.sweep.file.best(history))

    def _history(self) -> list[float]:
        """Returns the finite values of the metric that were logged so far, in order."""
        if not self._metrics.is_file():
            return []
        # A line without its end is still being written.
        lines = self._metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        rows = csv.DictReader(line for line in lines if line.endswith("\n"))
        values = [float(row.get(self.sweep.file.metric) or "nan") for row in rows]
        return [value for value in values if math.isfinite(value)]

    def _last_words(self, status: int) -> str:
        """Returns the last line that the trial has written to standard error."""
        lines = self._errors.read_text(encoding="utf-8", errors="replace").splitlines()
        spoken = [line.strip() for line in lines if line.strip()]
        return spoken[-1] if spoken else f"it ended with status {status}"


def run_trials(sweep: Sweep, num_trials: int, num_jobs: int, report: Callable[[int], None]) -> None:
    """Runs trials until the sweep has so many, or its target; whatever ends it, ends them too.

    Args:
        sweep: The sweep, of which trials that were interrupted go on first.
        num_trials: Number of its trials.
        num_jobs: Trials at a time.
        report: Called with the number of each trial that has ended.
    """
    waiting = sweep.unfinished()
    running: list[_Process] = []
    looked = time.monotonic()
    try:
        while True:
            while len(running) < num_jobs and (waiting or _has_more(sweep, num_trials)):
                trial = waiting.pop(0) if waiting else sweep.ask()
                running.append(_Process(sweep, trial, _environment(num_jobs, running)))
            if not running:
                return
            time.sleep(_POLL_S)
            for process in [process for process in running if process.has_ended]:
                process.conclude()
                running.remove(process)
                report(process.trial.number)
            if time.monotonic() > looked + _LOOK_INTERVAL_S:
                looked = time.monotonic()
                for process in running:
                    process.look()
                    if process.is_poor:
                        process.end()
    finally:
        for process in running:
            process.end()
        for process in running:
            process.conclude()


def visible_gpus() -> list[str]:
    """Returns the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    num_gpus = torch.cuda.device_count()
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    return listed.split(",")[:num_gpus] if listed else [str(n) for n in range(num_gpus)]


def _environment(num_jobs: int, running: list[_Process]) -> dict[str, str]:
    """Returns the environment of a trial: those side by side share the cores and the GPUs."""
    environment = dict(os.environ)
    if num_jobs > 1:
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // num_jobs)))
        if gpus := visible_gpus():
            taken = [process.environment["CUDA_VISIBLE_DEVICES"] for process in running]
            environment["CUDA_VISIBLE_DEVICES"] = min(gpus, key=taken.count)
    return environment


def _has_more(sweep: Sweep, num_trials: int) -> bool:
    target = sweep.file.content["metric"].get("target")
    values = [value for trial in sweep.trials if (value := sweep.value(trial)) is not None]
    has_reached = target is not None and any(sweep.file.best([v, target]) == v for v in values)
    return len(sweep.trials) < num_trials and not has_reached


def _new_directory(sweep: Sweep, trial: optuna.Trial) -> Path:
    trials = sweep.directory / "trials"
    trials.mkdir(exist_ok=True)
    name = f"{trial.number:03d}"
    names = [name, *(f"{name}-{attempt}" for attempt in range(2, 1000))]
    return next(trials / name for name in names if not (trials / name).exists())
