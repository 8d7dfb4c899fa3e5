"""``python -m mpi_cascade compare``: cascades and classical methods on one suite."""

import argparse
import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import rich.progress
import torch
from torch import Tensor

from mpi_cascade.checks import InputError, PlainArgumentParser
from mpi_cascade.evaluation.convergence import Progress, converge
from mpi_cascade.evaluation.limits import Limit, limits
from mpi_cascade.evaluation.measuring import measure, quality_db, times_per_image_s
from mpi_cascade.evaluation.methods import CLASSICAL, Compared, Tuned, load_methods, search, tuned
from mpi_cascade.evaluation.output import Comparison, write_comparison
from mpi_cascade.evaluation.suites import EvaluationSet, brief_suite, feasible_part, standard_suite
from mpi_cascade.evaluation.summary import differences, notes_on_pairs, summarise
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.results.directory import make_directory, output_directory
from mpi_cascade.results.messages import say_here
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA

_SUITES = {"standard": standard_suite, "brief": brief_suite}


def main(arguments: Sequence[str]) -> None:
    """Compares what the arguments name, writes everything, and shows the summary."""
    options = _parser().parse_args(arguments)
    for name in options.classical:
        if name not in CLASSICAL:
            raise InputError(f"{name} is no classical method: use {', '.join(CLASSICAL)}")
    if options.num_validation < 1:
        raise InputError(f"num_validation is {options.num_validation}: it must be 1 or more")
    compared = load_methods(options.checkpoints)
    suite, notes = feasible_part(_SUITES[options.suite](compared.models.scanner), compared.models)
    suite.check_fits(compared.models.scanner.field_of_view_m)
    directory = output_directory(options.output, "compare")
    make_directory(directory)
    notes += notes_on_pairs(compared.methods)
    for note in notes:
        say_here(note)
    with _progress_bars() as bars:
        validation = _validation(compared, options.num_validation)
        classical = _tune(options.classical, compared, validation, bars)
        progress = _converge(classical, validation, bars)
        methods = [*compared.methods, *(method for method, _ in classical.values())]
        num_scans = sum(part.num_cases for part in suite.sets)
        task = bars.add_task(
            f"{len(methods)} methods on {suite.name}", total=num_scans * len(methods)
        )
        results = measure(
            methods, suite, compared.models, compared.image_shape,
            functools.partial(bars.advance, task),
        )  # fmt: skip
        found_limits: list[Limit] = []
        if compared.models.system_matrix is None:
            task = bars.add_task("what noise allows", total=1)
            found_limits = limits(suite.pairs, compared.models.scanner)
            bars.advance(task)
    comparison = Comparison(
        suite=suite,
        compared=compared,
        notes=notes,
        methods=methods,
        results=results,
        summaries=summarise(results),
        differences=differences(results, compared.methods),
        limits=found_limits,
        progress=progress,
        times_s=times_per_image_s(methods, validation[0].signal),
        tuning_quality_db=quality_db(methods, *validation[0]),
    )
    write_comparison(directory, comparison)


def _parser() -> argparse.ArgumentParser:
    parser = PlainArgumentParser(
        prog="python -m mpi_cascade compare",
        description="Trained cascades and classical methods side by side on one suite.",
    )
    parser.add_argument(
        "checkpoints", nargs="+", metavar="LABEL=CHECKPOINT",
        help="a trained cascade and its name; checkpoints of one name are seeds of one training",
    )  # fmt: skip
    parser.add_argument("--suite", choices=_SUITES, default="standard")
    parser.add_argument(
        "--classical", nargs="*", default=list(CLASSICAL), metavar="NAME",
        help=f"classical methods to tune and compare: {', '.join(CLASSICAL)} (default: all, "
        "none after the bare option); stands after the checkpoints",
    )  # fmt: skip
    parser.add_argument(
        "--num-validation", type=int, default=64, help="scans that classical methods are tuned on"
    )
    parser.add_argument("--output", type=Path, help="directory (default: below runs)")
    return parser


class _Scans(NamedTuple):
    signal: Tensor
    concentration: Tensor


def _validation(compared: Compared, num_cases: int) -> list[_Scans]:
    """Returns scans that are in no suite, for tuning."""
    part = EvaluationSet(name="tuning", scene=PhantomMixture(), num_cases=num_cases)
    return [
        _Scans(sample.signal, sample.concentration)
        for sample in part.batches(compared.models, compared.image_shape)
    ]


def _tune(
    names: Sequence[str], compared: Compared, validation: list[_Scans], bars: rich.progress.Progress
) -> dict[str, Tuned]:
    forward_model = compared.models.believed(compared.image_shape)
    searches = list(dict.fromkeys(CLASSICAL[name].search for name in names))
    task = bars.add_task("tuning", total=len(searches))
    values: dict[str, dict[str, float]] = {}
    for name in searches:
        bars.update(task, description=f"tuning {name}")
        values[name] = search(name, forward_model, validation)
        bars.advance(task)
    return {name: tuned(name, forward_model, values[CLASSICAL[name].search]) for name in names}


def _converge(
    classical: dict[str, Tuned], validation: list[_Scans], bars: rich.progress.Progress
) -> list[Progress]:
    found: list[Progress] = []
    for name, (_, solver) in classical.items():
        if isinstance(solver, ART | ADMM | FISTA):
            task = bars.add_task(f"iterations of {name}", total=None)
            found += converge(name, solver, *validation[0], functools.partial(bars.advance, task))
    return found


@contextmanager
def _progress_bars() -> Iterator[rich.progress.Progress]:
    columns = (
        rich.progress.TextColumn("{task.description}"), rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(), rich.progress.TimeElapsedColumn(),
        rich.progress.TimeRemainingColumn(),
    )  # fmt: skip
    with rich.progress.Progress(*columns) as bars, torch.no_grad():
        yield bars
