"""``mpi-cascade compare``: cascades and classical methods side by side on one suite."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mpi_cascade.checks import PositiveInt
from mpi_cascade.commands.devices import chosen_device
from mpi_cascade.commands.parsing import run_typed

ClassicalName = Literal["Tikhonov", "ART", "ADMM", "FISTA"]


def main(arguments: Sequence[str]) -> None:
    """Compares as the arguments say."""
    run_typed(compare, arguments)


def compare(
    checkpoints: list[str],
    suite: Literal["standard", "brief", "final"] = "standard",
    scanner: Path | None = None,
    classical: Sequence[ClassicalName] = ("Tikhonov", "ART", "ADMM", "FISTA"),
    num_validation: PositiveInt = 64,
    num_resolution: PositiveInt = 64,
    output: Path | None = None,
    batch_size: PositiveInt = 64,
    device: str = "auto",
) -> None:
    """Sets trained cascades and classical methods side by side on one suite.

    Args:
        checkpoints: trained cascades as LABEL=CHECKPOINT; those of one label are seeds of one
            training
        suite: what they are judged on
        scanner: configuration of the scanner of weights that were trained for many
        classical: classical methods to tune and compare; none after the bare option, which stands
            after the checkpoints
        num_validation: phantoms that classical methods are tuned on
        num_resolution: pairs, and twice as many nulls, that they are tuned for resolution on
        output: directory (default: a new one below runs)
        batch_size: scans at a time
        device: cpu, cuda, cuda:1 …, or auto, a GPU if there is one
    """
    from mpi_cascade.evaluation import final_suite, measuring, suites
    from mpi_cascade.evaluation.comparison import log_comparison, write_comparison
    from mpi_cascade.evaluation.loading import load_methods
    from mpi_cascade.evaluation.summary import notes_on_pairs
    from mpi_cascade.results.directory import listing, make_directory, output_directory
    from mpi_cascade.results.messages import say_here

    trained, experiment, departures = load_methods(checkpoints, chosen_device(device), scanner)
    make_suite = {
        "standard": suites.standard_suite,
        "brief": suites.brief_suite,
        "final": final_suite.final_suite,
    }[suite]
    parts, notes = suites.feasible_part(make_suite(experiment.scanner), experiment.models)
    parts.check_fits(experiment.scanner.field_of_view_m)
    directory = output_directory(output, "compare")
    make_directory(directory)
    notes += notes_on_pairs(trained)
    notes += departures
    for note in notes:
        say_here(note)
    comparison = measuring.compare(
        trained, experiment, parts, suites.tuning_sets(num_validation, num_resolution),
        suites.validation_nulls(), classical, batch_size, notes,
    )  # fmt: skip
    log_comparison(directory, "compare", comparison, write_comparison(directory, comparison))
    sys.stdout.write(f"{listing(directory)}\n")
