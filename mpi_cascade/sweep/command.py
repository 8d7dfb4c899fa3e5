"""``python -m mpi_cascade sweep``: a sweep file run on this machine."""

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import rich.progress

from mpi_cascade.checks import InputError, PlainArgumentParser
from mpi_cascade.sweep.checking import check_sweep
from mpi_cascade.sweep.definition import SweepFile, read_sweep
from mpi_cascade.sweep.engine import grid_size
from mpi_cascade.sweep.naming import setting_text
from mpi_cascade.sweep.output import write_sweep
from mpi_cascade.sweep.record import Record, State, Trial, open_record
from mpi_cascade.sweep.running import Runner
from mpi_cascade.sweep.summary import value_of


def main(arguments: Sequence[str]) -> None:
    """Runs or checks what the arguments name; exit status 1 if a trial failed."""
    options = _parser().parse_args(arguments)
    for name in ("count", "jobs"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise InputError(f"--{name} is {value}: it must be 1 or more")
    file = read_sweep(options.file)
    check_sweep(file)
    if options.check:
        sys.stdout.write(f"{file.path} can run: {_extent(file)}\n")
        return
    num_trials = _num_trials(file, options.count)
    directory = options.output or Path("runs") / f"sweep-{file.path.stem}"
    with open_record(directory, file) as record:
        try:
            _run(record, num_trials, options.jobs)
        except KeyboardInterrupt:
            sys.stderr.write(
                f"stopped; {_progress(record, num_trials)}. Continue with\n"
                f"  python -m mpi_cascade sweep {shlex.join(arguments)}\n"
            )
            raise
        table = write_sweep(record)
    sys.stdout.write(f"\n{table}\n\n{_progress(record, num_trials)}.\n")
    sys.stdout.write(
        f"Everything lies in {directory}: sweep.md, sweep.csv, trials.csv, sweep.png\n"
    )
    if any(trial.state == State.FAILED for trial in record.trials):
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = PlainArgumentParser(
        prog="python -m mpi_cascade sweep",
        description="Runs a W&B sweep file on this machine, with no account and no server. The "
        "same command goes on with a sweep that was interrupted.",
    )
    parser.add_argument("file", type=Path, metavar="SWEEP.yaml")
    parser.add_argument(
        "--count", type=int,
        help="trials of the whole sweep, those of earlier commands included (default: all of a "
        "grid, or the file's run_cap)",
    )  # fmt: skip
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time (default: 1)")
    parser.add_argument(
        "--output", type=Path, help="directory of the sweep (default: runs/sweep-<file>)"
    )
    parser.add_argument(
        "--check", action="store_true", help="only check that every trial of the file could run"
    )
    return parser


def _num_trials(file: SweepFile, count: int | None) -> int:
    limits = [limit for limit in (count, file.run_cap) if limit is not None]
    if file.config["method"] == "grid":
        limits.append(grid_size(file.config))
    if not limits:
        raise InputError(
            f"{file.path} searches without an end ({file.config['method']}): say how many trials "
            "with --count"
        )
    return min(limits)


def _extent(file: SweepFile) -> str:
    method = file.config["method"]
    trials = f" of {grid_size(file.config)} trials" if method == "grid" else ""
    goal = "highest" if file.is_maximised else "lowest"
    return f"{method}{trials} over {', '.join(file.space)}, for the {goal} {file.metric}"


def _run(record: Record, num_trials: int, num_jobs: int) -> None:
    """Runs the trials, with a line for each; SIGTERM and a closed terminal act as Ctrl-C."""
    signals = (signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, signal.default_int_handler) for number in signals}
    columns = (
        rich.progress.TextColumn("{task.description}"), rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(), rich.progress.TimeElapsedColumn(),
    )  # fmt: skip
    try:
        with rich.progress.Progress(*columns) as bars:
            task = bars.add_task(
                record.file.path.name, total=num_trials, completed=_num_ended(record)
            )

            def report(trial: Trial) -> None:
                line = _line(record, trial, num_trials)
                bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
                bars.update(task, completed=_num_ended(record))

            Runner(record, num_jobs, report).run(num_trials)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _line(record: Record, trial: Trial, num_trials: int) -> str:
    value = value_of(record, trial)
    result = trial.message if value is None else f"{record.file.metric} {value:.4g}"
    return (
        f"trial {trial.number} of {num_trials}: {trial.state} after {trial.seconds:.0f} s, "
        f"{result} ({setting_text(trial.parameters)})"
    )


def _num_ended(record: Record) -> int:
    return sum(trial.state not in (State.RUNNING, State.INTERRUPTED) for trial in record.trials)


def _progress(record: Record, num_trials: int) -> str:
    counts = {state: sum(trial.state == state for trial in record.trials) for state in State}
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    return f"{', '.join(parts) or 'none run'} of {num_trials} trials"
