"""``mpi-cascade sweep``: a sweep file run on this machine."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mpi_cascade.checks import InputError
from mpi_cascade.commands.parsing import run_typed

if TYPE_CHECKING:
    from mpi_cascade.sweep.definition import SweepFile
    from mpi_cascade.sweep.record import Record, Trial


def main(arguments: Sequence[str]) -> None:
    """Runs or checks the sweep that the arguments name."""
    run_typed(sweep, arguments)


def sweep(
    file: Path,
    count: int | None = None,
    jobs: int = 1,
    output: Path | None = None,
    check: bool = False,
) -> None:
    """Runs a W&B sweep file on this machine, with no account and no server.

    The same command goes on with a sweep that was interrupted.

    Args:
        file: the sweep file, YAML
        count: trials of the whole sweep, those of earlier commands included (default: all of a
            grid, or the file's run_cap)
        jobs: trials at a time
        output: directory of the sweep (default: runs/sweep-FILE)
        check: only check that every trial of the file could run
    """
    from mpi_cascade.sweep.checking import check_sweep
    from mpi_cascade.sweep.definition import read_sweep
    from mpi_cascade.sweep.output import write_sweep
    from mpi_cascade.sweep.record import State, open_record

    for name, value in (("count", count), ("jobs", jobs)):
        if value is not None and value < 1:
            raise InputError(f"--{name} is {value}: it must be 1 or more")
    read = read_sweep(file)
    check_sweep(read)
    if check:
        sys.stdout.write(f"{file} can run: {_extent(read)}\n")
        return
    num_trials = _num_trials(read, count)
    directory = output or Path("runs") / f"sweep-{file.stem}"
    with open_record(directory, read) as record:
        try:
            _run(record, num_trials, jobs)
        except KeyboardInterrupt:
            sys.stderr.write(
                f"stopped; {_progress(record, num_trials)}. Continue with\n"
                f"  python -m mpi_cascade sweep {file} --output {directory}\n"
            )
            raise
        table = write_sweep(record)
    sys.stdout.write(f"\n{table}\n\n{_progress(record, num_trials)}.\n")
    sys.stdout.write(
        f"Everything lies in {directory}: sweep.md, sweep.csv, trials.csv, sweep.png\n"
    )
    if any(trial.state == State.FAILED for trial in record.trials):
        sys.exit(1)


def _num_trials(file: "SweepFile", count: int | None) -> int:
    from mpi_cascade.sweep.engine import grid_size

    limits = [limit for limit in (count, file.run_cap) if limit is not None]
    if file.config["method"] == "grid":
        limits.append(grid_size(file.config))
    if not limits:
        raise InputError(
            f"{file.path} searches without an end ({file.config['method']}): say how many trials "
            "with --count"
        )
    return min(limits)


def _extent(file: "SweepFile") -> str:
    from mpi_cascade.sweep.engine import grid_size

    method = file.config["method"]
    trials = f" of {grid_size(file.config)} trials" if method == "grid" else ""
    goal = "highest" if file.is_maximised else "lowest"
    return f"{method}{trials} over {', '.join(file.space)}, for the {goal} {file.metric}"


def _run(record: "Record", num_trials: int, num_jobs: int) -> None:
    """Runs the trials, with a line for each; SIGTERM and a closed terminal act as Ctrl-C."""
    from mpi_cascade.results.progress import showing_progress
    from mpi_cascade.sweep.running import Runner

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [signal.Signals[name] for name in names]
    previous = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        with showing_progress() as progress:
            task = progress.task(record.file.path.name, num_trials, _num_ended(record))

            def report(trial: "Trial") -> None:
                progress.write(_line(record, trial, num_trials))
                task.move_to(_num_ended(record))

            Runner(record, num_jobs, report).run(num_trials)
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)


def _line(record: "Record", trial: "Trial", num_trials: int) -> str:
    from mpi_cascade.sweep.naming import setting_text
    from mpi_cascade.sweep.summary import value_of

    value = value_of(record, trial)
    result = trial.message if value is None else f"{record.file.metric} {value:.4g}"
    return (
        f"trial {trial.number} of {num_trials}: {trial.state} after {trial.seconds:.0f} s, "
        f"{result} ({setting_text(trial.parameters)})"
    )


def _num_ended(record: "Record") -> int:
    from mpi_cascade.sweep.record import State

    return sum(trial.state not in (State.RUNNING, State.INTERRUPTED) for trial in record.trials)


def _progress(record: "Record", num_trials: int) -> str:
    from mpi_cascade.sweep.record import State

    counts = {state: sum(trial.state == state for trial in record.trials) for state in State}
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    return f"{', '.join(parts) or 'none run'} of {num_trials} trials"
