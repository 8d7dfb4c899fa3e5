"""``mpi-cascade adapt``: a trained cascade tuned on a user's own scans."""

import sys
from collections.abc import Sequence
from pathlib import Path

from mpi_cascade.checks import Positive, PositiveInt
from mpi_cascade.commands.parsing import run_typed


def main(arguments: Sequence[str]) -> None:
    """Adapts as the arguments say."""
    run_typed(adapt, arguments)


def adapt(
    checkpoint: Path,
    scans: Path,
    dataset: str | None = None,
    scanner: Path | None = None,
    scale: Positive | None = None,
    num_steps: PositiveInt = 30,
    learning_rate: Positive = 1e-4,
    output: Path | None = None,
    device: str = "auto",
) -> None:
    """Tunes a trained cascade on a file of scans without their truth.

    Weights are kept only if they explain the scans better that were held out, and simulated scans
    are reconstructed no worse with them; images of a scanner that is off may still be. The
    checkpoint adapted.ckpt is for reconstruct, and for this scanner alone.

    Args:
        checkpoint: a trained cascade, a .ckpt file
        scans: as for reconstruct, four or more of the same scanner; at most the first 256 are used
        dataset: data set of an HDF5 file that is no MDF
        scanner: the scanner.yaml of calibrate, as for reconstruct
        scale: of an array, the value that is a signal of 1, where no calibration says it
        num_steps: steps of 8 scans
        learning_rate: of Adam
        output: directory (default: a new one below runs)
        device: cpu, cuda, cuda:1 …, or auto, a GPU if there is one
    """
    from mpi_cascade.commands.receiving import load_for_scans
    from mpi_cascade.reconstruction import adaptation
    from mpi_cascade.reconstruction.own_scans import first_scans
    from mpi_cascade.reconstruction.scans import open_scans
    from mpi_cascade.results.directory import listing, output_directory
    from mpi_cascade.results.files import whole_directory
    from mpi_cascade.results.messages import say_here
    from mpi_cascade.results.progress import showing_progress
    from mpi_cascade.results.tables import write_csv
    from mpi_cascade.trained import save

    directory = output_directory(output, "adapt")
    cascade, chain = load_for_scans(checkpoint, scanner, device)
    for sentence in cascade.departures:
        say_here(sentence)
    with open_scans(scans, dataset, cascade.experiment.models, chain, scale) as opened:
        signal = first_scans(opened)
    for sentence in (*opened.differences, *opened.remarks):
        say_here(f"warning: {sentence}")
    with whole_directory(directory) as unfinished, showing_progress() as progress:
        task = progress.task("steps", num_steps)
        found = adaptation.adapt(cascade, signal, num_steps, learning_rate, task.advance)
        save(found.cascade, unfinished / "adapted.ckpt")
        write_csv(unfinished / "adaptation.csv", adaptation.Check._fields, found.checks)
    sys.stdout.write(f"{found.summary}\n{listing(directory)}\n")
