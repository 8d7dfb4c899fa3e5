"""The command line, run in this process."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from mpi_cascade.cli import main

TINY = Path(__file__).parents[1] / "training" / "tiny.yaml"

SMALL = (
    "--trainer.accelerator=cpu", "--trainer.devices=1", "--trainer.strategy=auto",
    "--trainer.callbacks=null", "--trainer.fast_dev_run=true",
    "--data.batch_size=2", "--data.samples_per_epoch=2", "--data.evaluation_batch_size=2",
    "--data.num_validation=4", "--data.num_test=4", "--data.two_points.cases_per_gap=4",
    "--experiment.image_shape=[32,32]", "--experiment.scanner.num_ffp_x=32",
    "--experiment.scanner.num_ffp_y=32",
)  # fmt: skip
"""What makes a step of any config one of seconds."""


class Ended(NamedTuple):
    """A command that has ended: its exit status and what it wrote."""

    status: int
    output: str
    errors: str


def call(*arguments: object) -> Ended:
    """Runs a command as the shell would."""
    output, errors = io.StringIO(), io.StringIO()
    status = 0
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
    return Ended(status, output.getvalue(), errors.getvalue())


def succeed(*arguments: object) -> str:
    """Runs a command that must succeed, and returns its output."""
    ended = call(*arguments)
    assert ended.status == 0, ended.errors
    return ended.output


def refusal(*arguments: object) -> str:
    """Runs a command that must be refused, and returns its one sentence."""
    ended = call(*arguments)
    assert ended.status == 2, ended
    assert ended.output == ""
    assert ended.errors.startswith("error: ")
    assert ended.errors.count("\n") == 1
    return ended.errors


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Asserts that something takes no more of the processor's time."""
    start = time.process_time()
    yield
    assert time.process_time() - start < seconds
