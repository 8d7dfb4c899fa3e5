"""Times of alternatives that do the same work, taken in turn so that all see the same machine.

asv, pytest-benchmark and torch.utils.benchmark time one alternative after another, so only the
clock, which waits for a GPU, is torch's.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.benchmark import timer

from mpi_cascade.checks import InputError
from mpi_cascade.commands.parsing import parsed, typed_parser
from mpi_cascade.results.directory import describe_environment, make_directory, output_directory
from mpi_cascade.results.tables import write_json


class Row(NamedTuple):
    """A number: the median and the quartiles of its rounds, and what it should be."""

    name: str
    unit: str
    median: float
    low: float
    high: float
    aim: str


class Table:
    """Rows, each of them shown as soon as it is measured; files go to its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.rows: list[Row] = []

    def add(self, name: str, unit: str, values: Sequence[float], aim: str = "") -> Row:
        """Adds the median and the quartiles of values."""
        low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
        self.rows.append(Row(name, unit, median, low, high, aim))
        around = f"({low:.4g} … {high:.4g})" if len(values) > 1 else ""
        print(f"{name:<56} {median:>9.4g} {unit:<13} {around:<21} {aim and f'aim {aim}'}".rstrip())
        return self.rows[-1]

    def per_sample(self, times: Mapping[str, Sequence[float]], num_samples: int) -> list[Row]:
        """Adds the milliseconds per sample of calls that make ``num_samples`` each."""
        costs = {name: [1e3 * time / num_samples for time in times[name]] for name in times}
        return [self.add(name, "ms per sample", values) for name, values in costs.items()]

    def ratio(
        self, name: str, costs: Sequence[float], others: Sequence[float], aim: str = ""
    ) -> None:
        """Adds how many times as high costs are as others, pair by pair."""
        self.add(name, "×", [a / b for a, b in zip(costs, others, strict=True)], aim)


def seconds(call: Callable[[], object]) -> float:
    """Returns how long a call takes in s."""
    start = timer()
    call()
    return timer() - start


def in_turn(
    alternatives: Mapping[str, Callable[[], object]],
    num_rounds: int = 9,
    num_warm_ups: int = 2,
    cost: Callable[[Callable[[], object]], float] = seconds,
) -> dict[str, list[float]]:
    """Returns the cost of every alternative in every round after the warm-ups."""
    costs: dict[str, list[float]] = {name: [] for name in alternatives}
    for _ in range(num_warm_ups + num_rounds):
        for name, call in alternatives.items():
            costs[name].append(cost(call))
    return {name: values[num_warm_ups:] for name, values in costs.items()}


def run(*words: str) -> float:
    """Runs Python with these arguments in a process of its own; returns its CPU time in s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise InputError(f"python {' '.join(words)} fails, so it can't be timed: {last}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start(benchmark: Callable[..., None]) -> None:
    """Measures as the command line says, on one thread unless OMP_NUM_THREADS says otherwise.

    Args:
        benchmark: Is given a table, which ends in ``times.json`` even if the benchmark doesn't.
    """
    torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))
    parser = typed_parser(benchmark, without=["table"])
    parser.prog = f"python {sys.argv[0]}"
    parser.add_argument("--output", type=Path, metavar="PATH", help="directory of the results")
    try:
        options = vars(parsed(parser, sys.argv[1:]))
        table = Table(output_directory(options.pop("output"), f"benchmark-{benchmark.__name__}"))
        make_directory(table.directory)
        try:
            benchmark(table, **options)
        finally:
            result = {"environment": describe_environment(), "rows": table.rows}
            write_json(table.directory / "times.json", result)
            print(f"Everything lies in {table.directory}")
    except InputError as error:
        sys.exit(f"error: {error}")
