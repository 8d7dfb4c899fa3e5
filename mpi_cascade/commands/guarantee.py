"""``mpi-cascade guarantee``: calibrates the intervals of a trained cascade's images."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from mpi_cascade.checks import PositiveInt, Rule
from mpi_cascade.commands.devices import chosen_device
from mpi_cascade.commands.parsing import run_typed

_SHARE = Rule(lambda value: 0 < value < 1, "lie between 0 and 1")


def main(arguments: Sequence[str]) -> None:
    """Calibrates as the arguments say."""
    run_typed(guarantee, arguments)


def guarantee(
    checkpoint: Path,
    scanner: Path | None = None,
    num_scans: PositiveInt = 1500,
    risk: Annotated[float, _SHARE] = 0.1,
    failure: Annotated[float, _SHARE] = 0.1,
    output: Path | None = None,
    batch_size: PositiveInt = 64,
    device: str = "auto",
) -> None:
    """Makes the intervals of a cascade hold: a checkpoint that says how wide they must be.

    Args:
        checkpoint: a trained cascade with a network of the uncertainty, a .ckpt file
        scanner: configuration of the scanner of weights that were trained for many
        num_scans: scans that are simulated for each range of noise
        risk: the share of the pixels with tracer, and of objects, that may lie outside
        failure: the chance that more do
        output: directory (default: a new one below runs)
        batch_size: scans at a time
        device: cpu, cuda, cuda:1 …, or auto, a GPU if there is one
    """
    from mpi_cascade.evaluation.guarantee_figure import guarantee_figure
    from mpi_cascade.evaluation.guaranteeing import calibrate, snr_edges
    from mpi_cascade.guarantee.guarantee import NoiseGroup
    from mpi_cascade.results.directory import listing, output_directory
    from mpi_cascade.results.files import whole_directory
    from mpi_cascade.results.messages import say_here
    from mpi_cascade.results.progress import showing_progress
    from mpi_cascade.results.tables import write_csv
    from mpi_cascade.trained import load, save

    directory = output_directory(output, "guarantee")
    cascade = load(checkpoint, chosen_device(device), scanner)
    for sentence in cascade.departures:
        say_here(sentence)
    with showing_progress() as progress:
        num_groups = len(snr_edges(cascade)) - 1
        task = progress.task("calibration scans", num_scans * num_groups)
        found = calibrate(cascade, num_scans, risk, failure, batch_size, task.advance)
    with whole_directory(directory) as unfinished:
        save(cascade._replace(guarantee=found.guarantee), unfinished / checkpoint.name)
        write_csv(unfinished / "guarantee.csv", NoiseGroup._fields, found.guarantee.groups)
        guarantee_figure(found).savefig(unfinished / "guarantee.png", dpi=110)
    sys.stdout.write(
        f"At most {100 * risk:g} % of the pixels with tracer, and of the objects' masses, lie "
        f"outside, at {100 * (1 - failure):g} % confidence for each range of noise.\n\n"
        f"{listing(directory)}\n"
    )
