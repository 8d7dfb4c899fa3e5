"""Runs the trials of a sweep, some at a time, and ends those that should not go on."""

import csv
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna
import torch

from mpi_cascade.sweep.study import LOCK, State, SweepStudy

_POLL_S = 0.1
_LOOK_INTERVAL_S = 2.0
_KILL_DELAY_S = 60.0


@dataclass(kw_only=True)
class _Process:
    """A trial that runs.

    Attributes:
        trial: The trial.
        directory: Directory of its run.
        leash: The process that ends the trial when its standard input is closed.
        gpu: The GPU that it has for itself, if any.
        started: When it was started.
        is_stopped: Whether it was ended early.
    """

    trial: optuna.Trial
    directory: Path
    leash: subprocess.Popen[bytes]
    gpu: str | None
    started: float
    is_stopped: bool = False

    def end(self) -> None:
        """Asks the trial to write its last checkpoint and end."""
        assert self.leash.stdin
        self.leash.stdin.close()

    def history(self, metric: str) -> list[float]:
        """Returns the finite values of a metric that were logged so far, in order."""
        path = self.directory / "metrics.csv"
        if not path.is_file():
            return []
        # A line without its end is still being written.
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        rows = csv.DictReader(line for line in lines if line.endswith("\n"))
        values = [float(row.get(metric) or "nan") for row in rows]
        return [value for value in values if math.isfinite(value)]

    def last_words(self) -> str:
        """Returns the last line that the trial has written to standard error."""
        text = _stream(self.directory, "stderr").read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with status {self.leash.returncode}"


class Runner:
    """Runs trials until there are enough.

    Args:
        study: The sweep's trials so far.
        num_jobs: Trials at a time.
        report: Called with the number of a trial that has ended, from 1.
    """

    def __init__(
        self, study: SweepStudy, num_jobs: int, report: Callable[[int], None]
    ) -> None:
        self._study, self._report = study, report
        self._num_jobs = num_jobs
        self._gpus = visible_gpus() if num_jobs > 1 else []
        self._unfinished = study.unfinished()
        self._running: list[_Process] = []

    def run(self, num_trials: int) -> None:
        """Runs trials until the sweep has this many; whatever ends it, ends them too."""
        looked = time.monotonic()
        try:
            while self._start_trials(num_trials) or self._running:
                time.sleep(_POLL_S)
                self._collect()
                if time.monotonic() > looked + _LOOK_INTERVAL_S:
                    self._end_poor_trials()
                    looked = time.monotonic()
        finally:
            self._end_all()

    def _start_trials(self, num_trials: int) -> bool:
        """Starts trials where there is room; returns whether any was started."""
        has_started = False
        while len(self._running) < self._num_jobs and (trial := self._next(num_trials)):
            self._start(trial)
            has_started = True
        return has_started

    def _next(self, num_trials: int) -> optuna.Trial | None:
        if self._unfinished:
            return self._unfinished.pop(0)
        trials = self._study.trials
        if len(trials) >= num_trials or self._has_reached_target():
            return None
        return self._study.ask()

    def _has_reached_target(self) -> bool:
        file = self._study.file
        target = file.content["metric"].get("target")
        values = [trial.value for trial in self._study.trials if trial.value is not None]
        return target is not None and any(file.best([v, target]) == v for v in values)

    def _start(self, trial: optuna.Trial) -> None:
        file, trials = self._study.file, self._study.directory / "trials"
        directory = self._study.directory / trial.user_attrs.get("directory", "")
        checkpoint = directory / "checkpoints" / "last.ckpt"
        if checkpoint.is_file():
            command = file.resuming(checkpoint, sys.executable)
        else:
            directory = _new_directory(trials, trial.number + 1)
            command = file.command(file.values(trial.params), sys.executable)
            command.append(f"--output={directory}")
        trials.mkdir(exist_ok=True)
        trial.set_user_attr("directory", directory.relative_to(self._study.directory).as_posix())
        gpu = self._free_gpu()
        leash = [sys.executable, "-m", "mpi_cascade.sweep.leash"]
        with (
            _stream(directory, "stdout").open("ab") as stdout,
            _stream(directory, "stderr").open("ab") as stderr,
        ):
            process = subprocess.Popen(
                [*leash, str(self._study.directory / LOCK), str(_KILL_DELAY_S), *command],
                stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, process_group=0,
                env=self._environment(gpu),
            )  # fmt: skip
        self._running.append(
            _Process(
                trial=trial, directory=directory, leash=process, gpu=gpu, started=time.monotonic()
            )
        )

    def _free_gpu(self) -> str | None:
        """Returns the GPU that the fewest trials have, which of enough is none."""
        taken = [process.gpu for process in self._running]
        return min(self._gpus, key=taken.count, default=None)

    def _environment(self, gpu: str | None) -> dict[str, str]:
        """Returns the environment of a trial: trials side by side share the cores."""
        environment = dict(os.environ)
        if gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = gpu
        if self._num_jobs > 1:
            threads = max(1, (os.cpu_count() or 1) // self._num_jobs)
            environment.setdefault("OMP_NUM_THREADS", str(threads))
        return environment

    def _collect(self) -> None:
        for process in list(self._running):
            if process.leash.poll() is not None:
                self._running.remove(process)
                self._judge(process)
                self._report(process.trial.number + 1)

    def _judge(self, process: _Process) -> None:
        history = self._look(process)
        _add_time(process)
        metric, message = self._study.file.metric, ""
        if process.leash.returncode and not process.is_stopped:
            message = process.last_words()
        elif not history:
            message = f"it logged no finite {metric}"
        if message:
            state = State.FAILED
        else:
            state = State.STOPPED if process.leash.returncode else State.FINISHED
        self._study.tell(process.trial, state, history, message)

    def _look(self, process: _Process) -> list[float]:
        """Returns what a trial has logged; Optuna is told what is new, and may want its end."""
        history = process.history(self._study.file.metric)
        trial = process.trial
        known = len(trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values)
        for number, value in enumerate(history[known:], start=known + 1):
            trial.report(value, number)
            if trial.should_prune() and process.leash.poll() is None:
                process.is_stopped = True
        return history

    def _end_poor_trials(self) -> None:
        for process in self._running:
            if not process.is_stopped:
                self._look(process)
                if process.is_stopped:
                    process.end()

    def _end_all(self) -> None:
        """Ends what still runs, which after a regular end is nothing; those trials go on later."""
        for process in self._running:
            process.end()
        for process in self._running:
            if process.leash.wait():
                _add_time(process)
            else:
                self._judge(process)


def visible_gpus() -> list[str]:
    """Returns the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    num_gpus = torch.cuda.device_count()
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    return listed.split(",")[:num_gpus] if listed else [str(n) for n in range(num_gpus)]


def _new_directory(trials: Path, number: int) -> Path:
    names = [f"{number:03d}", *(f"{number:03d}-{attempt}" for attempt in range(2, 1000))]
    return next(trials / name for name in names if not (trials / name).exists())


def _stream(directory: Path, name: str) -> Path:
    """Returns where a trial's standard output or error is kept, beside its directory."""
    return directory.with_name(f"{directory.name}.{name}.txt")


def _add_time(process: _Process) -> None:
    earlier = process.trial.user_attrs.get("seconds", 0.0)
    now = round(earlier + time.monotonic() - process.started, 1)
    process.trial.set_user_attr("seconds", now)
