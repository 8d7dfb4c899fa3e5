"""The progress of a long job: bars on a terminal, elsewhere a line every half minute."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import rich.console
import rich.progress

_LINE_INTERVAL_S = 30.0


class Progress:
    """Tasks, and how far each one is.

    Args:
        bars: Where they are drawn; None where there is no terminal.
    """

    def __init__(self, bars: rich.progress.Progress | None) -> None:
        self._bars = bars
        self._said = time.monotonic()

    def task(self, name: str, total: int | None, done: int = 0) -> "Task":
        """Returns a new task.

        Args:
            name: What is done.
            total: How many steps it has; None if nobody knows.
            done: Steps that are done already.
        """
        return Task(self, name, total, done)

    def write(self, line: str) -> None:
        """Writes a line above the bars."""
        if self._bars:
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def say_now_and_then(self, line: str) -> None:
        """Writes a line where there is no terminal, unless there was one within half a minute."""
        now = time.monotonic()
        if self._bars is None and now - self._said >= _LINE_INTERVAL_S:
            self._said = now
            self.write(line)


class Task:
    """One task of a progress, made by ``Progress.task``."""

    def __init__(self, progress: Progress, name: str, total: int | None, done: int) -> None:
        self._progress, self.name = progress, name
        self.total, self.done = total, done
        self._bars = progress._bars
        self._id = self._bars.add_task(name, total=total, completed=done) if self._bars else None

    def advance(self, steps: int = 1) -> None:
        """Counts steps that have been done."""
        self.move_to(self.done + steps)

    def move_to(self, done: int, name: str | None = None) -> None:
        """Sets the steps that are done, and what is done now."""
        self.done, self.name = done, name or self.name
        if self._bars and self._id is not None:
            self._bars.update(self._id, completed=done, description=self.name)
        of_total = "" if self.total is None else f" of {self.total}"
        self._progress.say_now_and_then(f"{self.name}: {done}{of_total}")


def is_terminal() -> bool:
    """Returns whether someone may be watching standard error, where progress is shown."""
    return rich.console.Console(stderr=True).is_terminal


@contextmanager
def showing_progress() -> Iterator[Progress]:
    """Gives a progress, shown on standard error while the block runs."""
    if not is_terminal():
        yield Progress(None)
        return
    columns = (
        rich.progress.TextColumn("{task.description}"), rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(), rich.progress.TimeElapsedColumn(),
        rich.progress.TimeRemainingColumn(),
    )  # fmt: skip
    with rich.progress.Progress(*columns, console=rich.console.Console(stderr=True)) as bars:
        yield Progress(bars)
