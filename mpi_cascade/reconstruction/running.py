"""From a file of scans to a directory of images, pictures and a table."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import compress
from pathlib import Path

import torch
from torch import Tensor

from mpi_cascade.checkpoints import TrainedCascade
from mpi_cascade.checks import InputError
from mpi_cascade.mdf import new_reconstruction
from mpi_cascade.models.cascade import Reconstruction
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.figures import Shown, contact_sheet
from mpi_cascade.reconstruction.judging import Judge, Quality, joined
from mpi_cascade.reconstruction.nifti import is_available, new_nifti
from mpi_cascade.reconstruction.output import summary, write_table
from mpi_cascade.reconstruction.scans import ScanFile
from mpi_cascade.results.files import whole_directory
from mpi_cascade.results.progress import showing_progress

_MOST_SHOWN = 16


def reconstruct_scans(
    cascade: TrainedCascade,
    scans: ScanFile,
    directory: Path,
    notes: Mapping[str, str],
    batch_size: int,
    has_pictures: bool,
) -> str:
    """Writes the images of a file of scans into a directory, and returns a summary to show.

    A scan that has values which are NaN or infinite is skipped: its image is NaN.

    Args:
        cascade: The trained cascade, on the device that computes.
        scans: The open file.
        directory: The directory, empty or not there.
        notes: What the images' file says of their origin.
        batch_size: Scans at a time, > 0.
        has_pictures: Whether every scan has a picture of its own.

    Raises:
        InputError: If the file can't be used, or the directory can't be written.
    """
    judge = Judge(cascade)
    if scans.concentration_unit:
        notes = {**notes, "concentration_unit": scans.concentration_unit}
    with whole_directory(directory) as unfinished:
        quality = _reconstruct(cascade, judge, scans, unfinished, notes, batch_size, has_pictures)
        warnings = judge.warnings(quality)
        write_table(unfinished / "scans.csv", quality, scans.differences, warnings)
    lines = [summary(quality, judge.training, scans.differences, warnings)]
    lines += [f"warning: {remark}" for remark in scans.remarks]
    lines += [f"warning: beyond the scanners of the training: {it}" for it in cascade.departures]
    if scans.concentration_unit:
        of = f"{scans.concentration:.4g} {scans.concentration_unit}"
        lines.append(f"images: tracer concentration in {scans.concentration_unit}; 1 above is {of}")
    return "\n".join(lines)


def _reconstruct(
    cascade: TrainedCascade,
    judge: Judge,
    scans: ScanFile,
    directory: Path,
    notes: Mapping[str, str],
    batch_size: int,
    has_pictures: bool,
) -> Quality:
    """Writes images and pictures batch by batch, and returns the quality of all scans."""
    scanner = cascade.experiment.scanner
    parts: list[Quality] = []
    first: list[Shown] = []
    with ExitStack() as files, showing_progress() as progress:
        image_files = _image_files(files, cascade, scans, directory, notes)
        task = progress.task("scans", scans.num_scans)
        for signal in scans.batches(batch_size):
            signal = signal.to(cascade.device)
            is_usable = signal.isfinite().all(dim=(1, 2, 3))
            signal[~is_usable] = 0
            images = cascade(signal)
            if not images.final.isfinite().all():
                raise InputError(
                    f"{scans.path}: scans {task.done} … {task.done + len(signal) - 1} reach "
                    f"{signal.abs().max():.3g}, too large for the network: check their unit"
                )
            parts.append(judge.measure(signal, images).of_usable(is_usable.cpu()))
            if not scans.has_scale:
                judge.require_scale(parts[-1], scans.path)
            images = Reconstruction(*(scans.concentration * image for image in images))
            shown = _shown(signal, images, task.done)
            shown = list(compress(shown, is_usable.tolist()))
            images.final[~is_usable] = torch.nan
            for append in image_files:
                append(images.final)
            first += shown[: _MOST_SHOWN - len(first)]
            if has_pictures:
                _write_pictures(directory / "png", shown, scanner, scans.concentration_unit)
            task.advance(len(signal))
    quality = joined(parts)
    if quality.peak.isnan().all():
        raise InputError(
            f"{scans.path}: every scan has values that are NaN, infinite or beyond single "
            "precision: there is nothing to reconstruct"
        )
    if not (quality.peak > 0).any():
        raise InputError(f"{scans.path} is zero throughout: nothing was received")
    contact_sheet(first, scanner, scans.concentration_unit).savefig(
        directory / "images.png", dpi=110
    )
    return quality


def _image_files(
    files: ExitStack,
    cascade: TrainedCascade,
    scans: ScanFile,
    directory: Path,
    notes: Mapping[str, str],
) -> list[Callable[[Tensor], None]]:
    """Returns what appends images to each file of images."""
    scanner, shape = cascade.experiment.scanner, cascade.experiment.image_shape
    path = directory / "reconstruction.mdf"
    mdf = new_reconstruction(path, shape, scanner, scans.is_simulation, notes)
    opened = [files.enter_context(mdf)]
    if is_available():
        path = directory / "reconstruction.nii.gz"
        size_m, unit = scanner.field_of_view_m, scans.concentration_unit
        nifti = new_nifti(path, scans.num_scans, shape, size_m, unit)
        opened.append(files.enter_context(nifti))
    return opened


def _shown(signal: Tensor, images: Reconstruction, start: int) -> list[Shown]:
    arrays = (signal, images.preliminary[:, 0], images.final[:, 0])
    each = zip(*(array.numpy(force=True) for array in arrays), strict=True)
    return [Shown(f"scan {start + number}", *found) for number, found in enumerate(each)]


def _write_pictures(
    directory: Path, scans: list[Shown], scanner: Scanner, unit: str | None
) -> None:
    directory.mkdir(exist_ok=True)
    for scan in scans:
        path = directory / f"{scan.title.replace(' ', '-')}.png"
        contact_sheet([scan], scanner, unit).savefig(path, dpi=110)
