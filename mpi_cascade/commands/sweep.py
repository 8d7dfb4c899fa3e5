"""``mpi-cascade sweep``: many trainings of one sweep file, on this machine."""

import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mpi_cascade.checks import InputError, PositiveInt
from mpi_cascade.commands.parsing import run_typed
from mpi_cascade.results.messages import say

if TYPE_CHECKING:
    from mpi_cascade.sweep.study import Sweep


def main(arguments: Sequence[str]) -> None:
    """Runs or checks the sweep that the arguments name."""
    run_typed(sweep, arguments)


def sweep(
    file: Path,
    count: PositiveInt | None = None,
    jobs: PositiveInt = 1,
    output: Path | None = None,
    check: bool = False,
) -> None:
    """Searches a W&B sweep file on this machine; called again, goes on where it was interrupted.

    Args:
        file: the sweep file, YAML
        count: trials of the whole sweep, those of earlier calls included (default: all of a grid,
            or the file's run_cap)
        jobs: trials at a time; of several, each has a GPU of its own where there are enough
        output: directory of the sweep (default: runs/sweep-FILE)
        check: only check that every trial of the file could run
    """
    try:
        from mpi_cascade.sweep.definition import read_sweep
    except ModuleNotFoundError as error:
        raise InputError(
            "sweep needs Optuna: pip install -c constraints.txt -e '.[sweep]'"
        ) from error
    from mpi_cascade.results.directory import ROOT
    from mpi_cascade.sweep.checking import check_sweep
    from mpi_cascade.sweep.study import open_sweep

    read = read_sweep(file)
    check_sweep(read)
    for sentence in read.left_out():
        say(sentence)
    if check:
        goal = "highest" if read.is_maximised else "lowest"
        sys.stdout.write(
            f"{file} can run: {read.method} over {', '.join(read.space)}, for the {goal} "
            f"{read.metric}\n"
        )
        return
    num_trials = read.num_trials(count)
    with open_sweep(output or ROOT / f"sweep-{file.stem}", read) as opened:
        _run(opened, num_trials, jobs)


def _run(sweep: "Sweep", num_trials: int, num_jobs: int) -> None:
    """Runs the trials and writes what they have found; exit status 1 if one has failed."""
    from mpi_cascade.results.progress import showing_progress
    from mpi_cascade.results.tables import for_terminal
    from mpi_cascade.sweep.output import trial_line, write_sweep
    from mpi_cascade.sweep.running import run_trials
    from mpi_cascade.sweep.study import STATES

    def states() -> Counter[str]:
        return Counter(STATES[trial.state] for trial in sweep.trials)

    def so_far() -> str:
        counts = [f"{count} {state}" for state, count in states().items()]
        return f"{', '.join(counts) or 'none run'} of {num_trials} trials"

    def num_ended() -> int:
        return states().total() - states()["unfinished"]

    try:
        with showing_progress() as progress, _interrupts():
            task = progress.task(sweep.file.path.name, num_trials, num_ended())

            def report(number: int) -> None:
                progress.write(trial_line(sweep, number))
                task.move_to(num_ended())

            run_trials(sweep, num_trials, num_jobs, report)
    except KeyboardInterrupt:
        say(f"stopped; {so_far()}: the same command goes on with them")
        raise
    sys.stdout.write(
        f"\n{for_terminal(write_sweep(sweep))}\n\n{so_far()}\nEverything lies in "
        f"{sweep.directory}: sweep.md, sweep.csv, trials.csv, and pictures\n"
    )
    if states()["failed"]:
        sys.exit(1)


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
