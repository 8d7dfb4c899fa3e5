"""``python -m mpi_cascade reconstruct``: images from a file of scans."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import rich.progress
from torch import Tensor

from mpi_cascade.checks import InputError, PlainArgumentParser
from mpi_cascade.mdf import new_reconstruction
from mpi_cascade.models.cascade import Reconstruction
from mpi_cascade.reconstruction.figures import Shown, contact_sheet
from mpi_cascade.reconstruction.judging import Judge, Quality, joined
from mpi_cascade.reconstruction.nifti import is_available, new_nifti
from mpi_cascade.reconstruction.output import new_results, summary, write_table
from mpi_cascade.reconstruction.scans import LAYOUT, ScanFile, open_scans
from mpi_cascade.results.directory import output_directory
from mpi_cascade.training.parts import TrainedCascade, load_cascade

_MOST_SHOWN = 16


def main(arguments: Sequence[str]) -> None:
    """Reconstructs the scans that the arguments name, writes everything, and shows a summary."""
    options = _parser().parse_args(arguments)
    if options.batch_size < 1:
        raise InputError(f"--batch-size is {options.batch_size}: it must be 1 or more")
    directory = output_directory(options.output, "reconstruct")
    cascade = load_cascade(options.checkpoint)
    with open_scans(options.scans, options.dataset, cascade.data.models) as scans:
        judge = Judge(cascade)
        with new_results(directory) as unfinished:
            quality = _reconstruct(options, cascade, judge, scans, unfinished)
            warnings = judge.warnings(quality)
            table = [[*scans.differences, *wrong] for wrong in warnings]
            write_table(unfinished / "scans.csv", quality, table)
        shown = summary(quality, judge.training, scans.differences, warnings)
    names = "\n".join(f"  {path.name}" for path in sorted(directory.iterdir()))
    sys.stdout.write(f"{shown}\n\nEverything lies in {directory}\n{names}\n")


def _parser() -> argparse.ArgumentParser:
    parser = PlainArgumentParser(
        prog="python -m mpi_cascade reconstruct",
        description="Images of a trained cascade from a file of scans, with the residual of each "
        "against its noise, and warnings where a scan is not like those of the training.",
    )
    parser.add_argument("checkpoint", type=Path, help="a trained cascade, a .ckpt file of a run")
    parser.add_argument(
        "scans", type=Path,
        help=f"MDF 2.0 or 2.1 (background frames are subtracted); npy, {LAYOUT}; or HDF5 with "
        "--dataset, of the same layout",
    )  # fmt: skip
    parser.add_argument("--dataset", metavar="NAME", help="data set of an HDF5 file that is no MDF")
    parser.add_argument("--output", type=Path, help="directory (default: below runs)")
    parser.add_argument(
        "--batch-size", type=int, default=32, metavar="N", help="scans at a time (32)"
    )
    parser.add_argument("--png", action="store_true", help="also a picture of every single scan")
    return parser


def _reconstruct(
    options: argparse.Namespace,
    cascade: TrainedCascade,
    judge: Judge,
    scans: ScanFile,
    directory: Path,
) -> Quality:
    """Writes images and pictures batch by batch, and returns the quality of all scans."""
    parts: list[Quality] = []
    first: list[Shown] = []
    num_done = 0
    with ExitStack() as files:
        image_files = _image_files(files, options, cascade, scans, directory)
        for signal in _tracked(scans, options.batch_size):
            images = cascade(signal)
            if not images.final.isfinite().all():
                raise InputError(
                    f"{options.scans}: scans {num_done} … {num_done + len(signal) - 1} reach "
                    f"{signal.abs().max():.3g}, too large for the network: check their unit"
                )
            for append in image_files:
                append(images.final)
            parts.append(judge.measure(signal, images))
            first += _shown(signal, images, num_done)[: _MOST_SHOWN - len(first)]
            if options.png:
                _write_pictures(directory / "png", _shown(signal, images, num_done), cascade)
            num_done += len(signal)
    quality = joined(parts)
    if not quality.peak.any():
        raise InputError(f"{options.scans} is zero throughout: nothing was received")
    contact_sheet(first, cascade.scanner).savefig(directory / "images.png", dpi=110)
    return quality


def _image_files(
    files: ExitStack,
    options: argparse.Namespace,
    cascade: TrainedCascade,
    scans: ScanFile,
    directory: Path,
) -> list[Callable[[Tensor], None]]:
    """Returns what appends images to each file of images."""
    notes = {"checkpoint": str(options.checkpoint), "scans": str(options.scans)}
    mdf = new_reconstruction(
        directory / "reconstruction.mdf", cascade.image_shape, cascade.scanner,
        scans.is_simulation, notes,
    )  # fmt: skip
    opened = [files.enter_context(mdf)]
    if is_available():
        nifti = new_nifti(
            directory / "reconstruction.nii.gz", scans.num_scans, cascade.image_shape,
            cascade.scanner.field_of_view_m,
        )  # fmt: skip
        opened.append(files.enter_context(nifti))
    return opened


def _tracked(scans: ScanFile, batch_size: int) -> Iterator[Tensor]:
    """Yields batches of signals, and shows how many scans are done."""
    columns = (
        rich.progress.TextColumn("{task.description}"), rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(), rich.progress.TimeElapsedColumn(),
        rich.progress.TimeRemainingColumn(),
    )  # fmt: skip
    with rich.progress.Progress(*columns) as bars:
        task = bars.add_task("scans", total=scans.num_scans)
        for signal in scans.batches(batch_size):
            yield signal
            bars.advance(task, len(signal))


def _shown(signal: Tensor, images: Reconstruction, start: int) -> list[Shown]:
    arrays = (signal, images.preliminary[:, 0], images.final[:, 0])
    each = zip(*(array.numpy() for array in arrays), strict=True)
    return [Shown(f"scan {start + number}", *found) for number, found in enumerate(each)]


def _write_pictures(directory: Path, scans: list[Shown], cascade: TrainedCascade) -> None:
    directory.mkdir(exist_ok=True)
    for scan in scans:
        path = directory / f"{scan.title.replace(' ', '-')}.png"
        contact_sheet([scan], cascade.scanner).savefig(path, dpi=110)
