"""From a file of scans to a directory of images, pictures and a table."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.mdf import new_reconstruction
from mpi_cascade.models.intervals import Interval
from mpi_cascade.physics.linear import Images, Signals
from mpi_cascade.reconstruction.interval_table import IntervalTable
from mpi_cascade.reconstruction.judging import Judge, Quality, joined
from mpi_cascade.reconstruction.nifti import is_available, new_nifti
from mpi_cascade.reconstruction.output import summary, write_table
from mpi_cascade.reconstruction.pair_table import PairTable
from mpi_cascade.reconstruction.pictures import Pictures
from mpi_cascade.reconstruction.scans import ScanFile
from mpi_cascade.reconstruction.sheets import Shown
from mpi_cascade.results.files import whole_directory
from mpi_cascade.results.progress import showing_progress
from mpi_cascade.trained import TrainedCascade

_NIFTI_FILES = {
    "final": "reconstruction.nii.gz", "measured": "measured.nii.gz", "prior": "prior.nii.gz",
    "lower": "lower.nii.gz", "upper": "upper.nii.gz",
}  # fmt: skip


class _Made(NamedTuple):
    """What was made of a batch of scans; those that can't be used are 0, their quality NaN.

    Attributes:
        is_usable: Whether each scan can be used.
        signal: The scans.
        images: Their images of each kind, by the names that ``Shown`` has for them.
        quality: What is known of them.
    """

    is_usable: list[bool]
    signal: Signals
    images: dict[str, Images]
    quality: Quality


def reconstruct_scans(
    cascade: TrainedCascade,
    scans: ScanFile,
    directory: Path,
    notes: Mapping[str, str],
    batch_size: int,
    has_pictures: bool,
    pairs: PairTable,
    intervals: IntervalTable,
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
        pairs: What tests the pairs of the images' peaks, and holds what came out.
        intervals: What gives intervals, if the cascade has any, and holds what came out.

    Raises:
        InputError: If the file can't be used, or the directory can't be written.
    """
    judge, scanner, unit = Judge(cascade), cascade.experiment.scanner, scans.concentration_unit
    if not scans.has_scale:
        judge.require_scale(_peaks(scans, batch_size), scans.path)
    if unit:
        notes = {**notes, "concentration_unit": unit}
    parts: list[Quality] = []
    with whole_directory(directory) as unfinished:
        pictures = Pictures(unfinished, scanner, unit, has_pictures)
        with ExitStack() as files, showing_progress() as progress:
            ends = Interval._fields if intervals.intervals is None else ()
            names = [name for name in _NIFTI_FILES if name not in ends]
            append = _image_files(files, cascade, scans, unfinished, notes, names)
            task = progress.task("scans", scans.num_scans)
            for signal in scans.batches(batch_size):
                signal = signal.to(cascade.device)
                made = _made(cascade, judge, scans, signal, task.done, intervals)
                parts.append(made.quality)
                pairs.add(task.done, made.signal, made.images["final"], made.quality.noise)
                made = _with_unit(made, scans.concentration)
                for number in range(len(signal)):
                    if made.is_usable[number]:
                        pictures.add(_shown(made, number, task.done + number, pairs, intervals))
                append(made)
                task.advance(len(signal))
        quality = joined(parts)
        _require_signal(scans, quality)
        pictures.write_first()
        warnings = judge.warnings(quality)
        held = intervals.column(len(quality.peak))
        write_table(unfinished / "scans.csv", quality, held, scans.differences, warnings)
        intervals.write(unfinished / "objects.csv")
        pairs.write(unfinished / "pairs.csv")
    lines = [
        summary(quality, judge.training, scans.differences, warnings),
        *intervals.lines(),
        *pairs.lines(),
        *(f"warning: {remark}" for remark in (*scans.remarks, *cascade.departures)),
    ]
    if unit:
        of = f"{scans.concentration:.4g} {unit}"
        lines.append(f"images: tracer concentration in {unit}; 1 above is {of}")
    return "\n".join(lines)


def _peaks(scans: ScanFile, batch_size: int) -> Float[Tensor, " scans"]:
    """Returns the largest |u| of each scan of a file, which is read for it."""
    return torch.cat([signal.abs().amax(dim=(1, 2, 3)) for signal in scans.batches(batch_size)])


def _require_signal(scans: ScanFile, quality: Quality) -> None:
    """Raises an InputError if there is no scan to make an image of."""
    if quality.peak.isnan().all():
        raise InputError(
            f"{scans.path}: every scan has values that are NaN, infinite or beyond single "
            "precision: there is nothing to reconstruct"
        )
    if not (quality.peak > 0).any():
        raise InputError(f"{scans.path} is zero throughout: nothing was received")


def _made(
    cascade: TrainedCascade,
    judge: Judge,
    scans: ScanFile,
    signal: Signals,
    first_scan: int,
    intervals: IntervalTable,
) -> _Made:
    """Returns what is made of a batch, in the units of the network."""
    is_usable = signal.isfinite().all(dim=(1, 2, 3))
    signal[~is_usable] = 0
    images = cascade(signal)
    if not images.final.isfinite().all():
        raise InputError(
            f"{scans.path}: scans {first_scan} … {first_scan + len(signal) - 1} reach "
            f"{signal.abs().max():.3g}, too large for the network: check their unit"
        )
    quality, measured = judge.measure(signal, images.final)
    ends = intervals.add(signal, images, is_usable)
    made = {**images._asdict(), "measured": measured, "prior": images.final - measured}
    quality = quality.of_usable(is_usable.cpu())
    return _Made(is_usable.tolist(), signal, made | ends._asdict(), quality)


def _with_unit(made: _Made, concentration: float) -> _Made:
    """Returns the same with images in their unit."""
    images = {name: concentration * image for name, image in made.images.items()}
    return made._replace(images=images)


def _image_files(
    files: ExitStack,
    cascade: TrainedCascade,
    scans: ScanFile,
    directory: Path,
    notes: Mapping[str, str],
    names: Sequence[str],
) -> Callable[[_Made], None]:
    """Returns what appends images of some names to files; those of unusable scans are NaN."""
    scanner, shape = cascade.experiment.scanner, cascade.experiment.image_shape
    path = directory / "reconstruction.mdf"
    to_mdf = files.enter_context(
        new_reconstruction(path, shape, scanner, scans.is_simulation, notes)
    )
    to_nifti = {}
    if is_available():
        size_m, unit = scanner.field_of_view_m, scans.concentration_unit
        for name in names:
            path = directory / _NIFTI_FILES[name]
            nifti = new_nifti(path, scans.num_scans, shape, size_m, unit)
            to_nifti[name] = files.enter_context(nifti)

    def append(made: _Made) -> None:
        is_lost = ~torch.tensor(made.is_usable, device=made.signal.device)[:, None, None, None]
        images = {name: made.images[name].masked_fill(is_lost, torch.nan) for name in names}
        to_mdf(images["final"], {name: images[name] for name in names if name != "final"})
        for name, write in to_nifti.items():
            write(images[name])

    return append


def _shown(
    made: _Made, number: int, scan: int, pairs: PairTable, intervals: IntervalTable
) -> Shown:
    """Returns what is shown of one scan of a batch."""
    share = float(made.quality.measured_share[number])
    withheld = None if intervals.intervals is None else intervals.withheld[scan]
    signal = made.signal[number].numpy(force=True)
    images = {name: image[number, 0].numpy(force=True) for name, image in made.images.items()}
    return Shown(f"scan {scan}", share, pairs.of_scan(scan), withheld, signal, **images)
