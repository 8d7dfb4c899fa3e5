"""``python -m mpi_cascade sweep``: many trainings of one sweep file, on this machine."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mpi_cascade.checks import InputError
from mpi_cascade.commands.parsing import run_typed
from mpi_cascade.results.messages import say

if TYPE_CHECKING:
    from mpi_cascade.sweep.definition import SweepFile
    from mpi_cascade.sweep.study import SweepStudy


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
    """Searches a W&B sweep file on this machine; called again, it goes on where it was interrupted.

    Args:
        file: the sweep file, YAML
        count: trials of the whole sweep, those of earlier calls included (default: all of a grid,
            or the file's run_cap)
        jobs: trials at a time; of several, each has a GPU of its own where there are enough
        output: directory of the sweep (default: runs/sweep-FILE)
        check: only check that every trial of the file could run
    """
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise InputError(
            "sweep needs Optuna: pip install -c constraints.txt -e '.[sweep]'"
        ) from error
    from mpi_cascade.results.directory import ROOT
    from mpi_cascade.sweep.checking import check_sweep
    from mpi_cascade.sweep.definition import read_sweep
    from mpi_cascade.sweep.output import write_sweep
    from mpi_cascade.sweep.study import State, open_study

    for name, value in (("count", count), ("jobs", jobs)):
        if value is not None and value < 1:
            raise InputError(f"--{name} is {value}: it must be 1 or more")
    read = read_sweep(file)
    check_sweep(read)
    for sentence in read.left_out():
        say(sentence)
    if check:
        sys.stdout.write(f"{file} can run: {_extent(read)}\n")
        return
    num_trials = _num_trials(read, count)
    directory = output or ROOT / f"sweep-{file.stem}"
    with open_study(directory, read) as study:
        try:
            _run(study, num_trials, jobs)
        except KeyboardInterrupt:
            say(f"stopped; {_progress(study, num_trials)}: the same command goes on with them")
            raise
        table = write_sweep(study)
        has_failed = any(trial.state == State.FAILED for trial in study.trials)
        sys.stdout.write(f"\n{table}\n\n{_progress(study, num_trials)}\n")
    sys.stdout.write(
        f"Everything lies in {directory}: sweep.md, sweep.csv, trials.csv, sweep.png, history.png\n"
    )
    if has_failed:
        sys.exit(1)


def _num_trials(file: "SweepFile", count: int | None) -> int:
    limits = [limit for limit in (count, file.content.get("run_cap")) if limit is not None]
    if file.method == "grid":
        limits.append(file.grid_size)
    if not limits:
        raise InputError(
            f"{file.path} searches without an end ({file.method}): say how many trials with --count"
        )
    return min(limits)


def _extent(file: "SweepFile") -> str:
    trials = f" of {file.grid_size} trials" if file.method == "grid" else ""
    goal = "highest" if file.is_maximised else "lowest"
    return f"{file.method}{trials} over {', '.join(file.parameters)}, for the {goal} {file.metric}"


def _run(study: "SweepStudy", num_trials: int, num_jobs: int) -> None:
    """Runs the trials, with a line for each."""
    from mpi_cascade.results.progress import showing_progress
    from mpi_cascade.sweep.running import Runner

    with showing_progress() as progress, _interrupts():
        task = progress.task(study.file.path.name, num_trials, _num_ended(study))

        def report(number: int) -> None:
            progress.write(_line(study, number, num_trials))
            task.move_to(_num_ended(study))

        Runner(study, num_jobs, report).run(num_trials)


@contextmanager
def _interrupts() -> Iterator[None]:
    """Has SIGTERM and a closed terminal act as Ctrl-C."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [signal.Signals[name] for name in names]
    previous = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)


def _line(study: "SweepStudy", number: int, num_trials: int) -> str:
    from mpi_cascade.sweep.naming import setting_text

    trial = study.trials[number - 1]
    result = trial.message if trial.value is None else f"{study.file.metric} {trial.value:.4g}"
    return (
        f"trial {number} of {num_trials}: {trial.state} after {trial.seconds:.0f} s, {result} "
        f"({setting_text(trial.parameters)})"
    )


def _num_ended(study: "SweepStudy") -> int:
    return sum(trial.state != "unfinished" for trial in study.trials)


def _progress(study: "SweepStudy", num_trials: int) -> str:
    states = [trial.state for trial in study.trials]
    parts = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
    return f"{', '.join(parts) or 'none run'} of {num_trials} trials"
