"""``mpi-cascade reconstruct``: images from a file of scans."""

import sys
from collections.abc import Sequence
from pathlib import Path

from mpi_cascade.checks import PositiveInt
from mpi_cascade.commands.devices import chosen_device
from mpi_cascade.commands.parsing import run_typed


def main(arguments: Sequence[str]) -> None:
    """Reconstructs as the arguments say."""
    run_typed(reconstruct, arguments)


def reconstruct(
    checkpoint: Path,
    scans: Path,
    dataset: str | None = None,
    output: Path | None = None,
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
        output: directory (default: a new one below runs)
        batch_size: scans at a time
        device: cpu, cuda, cuda:1 …, or auto, a GPU if there is one
        png: write a picture of every single scan too
    """
    from mpi_cascade.checkpoints import load
    from mpi_cascade.reconstruction.running import reconstruct_file
    from mpi_cascade.results.directory import output_directory

    directory = output_directory(output, "reconstruct")
    cascade = load(checkpoint, chosen_device(device))
    notes = {"checkpoint": str(checkpoint), "scans": str(scans)}
    shown = reconstruct_file(cascade, scans, dataset, directory, notes, batch_size, png)
    names = "\n".join(f"  {path.name}" for path in sorted(directory.iterdir()))
    sys.stdout.write(f"{shown}\n\nEverything lies in {directory}\n{names}\n")
