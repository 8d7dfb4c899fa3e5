"""``mpi-cascade reconstruct``: images from a file of scans."""

import sys
from collections.abc import Sequence
from pathlib import Path

from mpi_cascade.checks import InputError, NonNegativeInt, Positive, PositiveInt
from mpi_cascade.commands.parsing import run_typed


def main(arguments: Sequence[str]) -> None:
    """Reconstructs as the arguments say."""
    run_typed(reconstruct, arguments)


def reconstruct(
    checkpoint: Path,
    scans: Path,
    dataset: str | None = None,
    scanner: Path | None = None,
    scale: Positive | None = None,
    output: Path | None = None,
    pairs: NonNegativeInt = 48,
    pair_mm: tuple[float, float, float, float] | None = None,
    batch_size: PositiveInt = 32,
    device: str = "auto",
    png: bool = False,
) -> None:
    """Makes the images of a file of scans, and warns of scans that are not like those of training.

    Args:
        checkpoint: a trained cascade, a .ckpt file
        scans: MDF 2.0 or 2.1 (background frames are subtracted); npy, floating point, (scan,
            channel, y, x), or (scan, y, x) for one channel; or HDF5 of the same layout
        dataset: data set of an HDF5 file that is no MDF
        scanner: the scanner.yaml of calibrate, for measured scans; else that of the training.
            Weights for any scanner take the scanner from it, others its receive chain alone. With
            that an array has amplitudes, real in phase or complex, or drive periods (scan, y, x,
            time)
        scale: of an array, the value that is a signal of 1, where no calibration says it
        output: directory (default: a new one below runs)
        pairs: pairs of peaks that are tested for being one object, at most, of all scans together;
            each takes about half a second of a core
        pair_mm: test this pair in every scan: x and y of the first place, then of the second, in mm
        batch_size: scans at a time
        device: cpu, cuda, cuda:1 …, or auto, a GPU if there is one
        png: write a picture of every single scan too
    """
    from mpi_cascade.commands.receiving import load_for_scans
    from mpi_cascade.evidence.pairs import PairTest
    from mpi_cascade.reconstruction.interval_table import IntervalTable
    from mpi_cascade.reconstruction.pair_table import PairTable
    from mpi_cascade.reconstruction.running import reconstruct_scans
    from mpi_cascade.reconstruction.scans import open_scans
    from mpi_cascade.results.directory import output_directory
    from mpi_cascade.results.messages import say_here
    from mpi_cascade.results.tables import for_terminal

    directory = output_directory(output, "reconstruct")
    cascade, chain = load_for_scans(checkpoint, scanner, device)
    points_m = None
    if pair_mm:
        x1_m, y1_m, x2_m, y2_m = (1e-3 * value for value in pair_mm)
        points_m = (x1_m, y1_m), (x2_m, y2_m)
    table = PairTable(PairTest(cascade.experiment.forward_model), pairs, points_m)
    notes = {"checkpoint": str(checkpoint), "scans": str(scans)}
    intervals = None
    try:
        intervals = cascade.intervals
    except InputError as error:
        if cascade.cascade.intervals is not None:
            say_here(f"no intervals: {error}")
    with open_scans(scans, dataset, cascade.experiment.models, chain, scale) as opened:
        shown = reconstruct_scans(
            cascade, opened, directory, notes, batch_size, png, table,
            IntervalTable(intervals, opened.concentration),
        )  # fmt: skip
    names = "\n".join(f"  {path.name}" for path in sorted(directory.iterdir()))
    sys.stdout.write(f"{for_terminal(shown)}\n\nEverything lies in {directory}\n{names}\n")
