"""A measured system matrix: where it lies, which of its rows count, and what was read."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mpi_cascade.checks import InputError, NonNegative, check_arguments
from mpi_cascade.mdf.fields import SIGNAL_UNIT
from mpi_cascade.mdf.plane import Plane, find_plane
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.mdf.spectra import by_component, components, is_corrected
from mpi_cascade.measured.arrays import read_array
from mpi_cascade.measured.denoising import denoised
from mpi_cascade.measured.receiver import ReceivedPairs, Receiver, describe_pairs
from mpi_cascade.measured.sample import without_sample_blur
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.physics.system_matrix import SystemMatrix

_SIZE_TOLERANCE = 1e-3
"""A file's lengths differ from the scanner's by no more than this share."""


@dataclass(frozen=True, kw_only=True)
class MeasuredMatrix:
    """Where a system matrix lies, and which of its rows count.

    An MDF calibration: its background is subtracted and its transfer function divided out where
    the file has them; every kept pair of receive channel and frequency is a channel of the signal
    (two where the scanner's signals are complex: in phase, quadrature), every period an FFP
    position. A ``.npy`` array (channel, y, x, calibration y, calibration x), complex or real: as
    it is, complex channels taken apart.

    Signals are scaled so that |u| does not exceed the largest concentration; those of simulated
    files in units of ∫ |PSF| dr, and arrays, stay as they are.

    Args:
        path: An MDF file, or ``.npy``.
        min_snr: Least signal-to-noise ratio of a kept pair, averaged over the periods: the file's
            own, or mean |S| over the standard deviation of the background frames, ≥ 0.
        frequencies_hz: Lowest and highest kept frequency in Hz.
        is_whitened: Whether every kept pair is divided by its noise in the background frames, so
            that all have the same.
        is_denoised: Whether the noise that the background frames show is taken off the matrix.
        is_sample_corrected: Whether the blur of the calibration's sample, of the size that the
            file states, is taken off to first order.
    """

    path: str
    min_snr: NonNegative = 0.0
    frequencies_hz: tuple[float, float] = (0.0, math.inf)
    is_whitened: bool = False
    is_denoised: bool = False
    is_sample_corrected: bool = False

    def check(self) -> None:
        """Raises an InputError if a value is out of its range."""
        check_arguments(self)
        lowest, highest = self.frequencies_hz
        if not 0 <= lowest <= highest:
            raise InputError(
                f"MeasuredMatrix.frequencies_hz is {list(self.frequencies_hz)}: give the lowest "
                "and the highest, in Hz"
            )


class MeasuredSystem(NamedTuple):
    """A system matrix that was read.

    Attributes:
        scanner: Its scanner.
        matrix: S, (channel·y·x of the signal, calibration positions).
        grid_shape: Calibration positions (y, x) over the field of view.
        signal_shape: Shape (channel, y, x) of one scan's signal.
        receiver: How scans become signals; None for an array, whose scans are signals.
    """

    scanner: Scanner
    matrix: Float[Tensor, "measurements positions"]
    grid_shape: tuple[int, int]
    signal_shape: tuple[int, int, int]
    receiver: Receiver | None

    @property
    def is_as_simulated(self) -> bool:
        """Whether signals are those of the analytic model, of its unit, channels, harmonics."""
        if self.signal_shape != self.scanner.signal_shape:
            return False
        receiver = self.receiver
        return receiver is None or (
            receiver.acquisition.unit == SIGNAL_UNIT
            and bool((receiver.factors == 1).all())
            and receiver.components.tolist() == list(self.scanner.harmonics)
        )

    def model(self, image_shape: tuple[int, int]) -> SystemMatrix:
        """Returns the forward model on an image grid over the same field of view."""
        return SystemMatrix(
            self.scanner, self.matrix, self.grid_shape, self.signal_shape, image_shape
        )


def read_measured(source: MeasuredMatrix, scanner: Scanner) -> MeasuredSystem:
    """Returns a measured system matrix.

    Args:
        source: Where it lies.
        scanner: Its scanner, whose field of view, FFP grid and complexity it must have.

    Raises:
        InputError: If the file can't be used, or is not of this scanner.
    """
    source.check()
    path = Path(source.path)
    if path.suffix == ".npy":
        if source != MeasuredMatrix(path=source.path):
            raise InputError(
                f"{path} is an array without noise or frequencies: leave out all of "
                "experiment.system_matrix but its path"
            )
        matrix, grid_shape = read_array(path, scanner)
        signal_shape = (len(matrix) // math.prod(scanner.ffp_shape), *scanner.ffp_shape)
        return MeasuredSystem(scanner, matrix, grid_shape, signal_shape, None)
    with MDFFile(path) as file:
        return _read_mdf(source, file, scanner)


def _read_mdf(source: MeasuredMatrix, file: MDFFile, scanner: Scanner) -> MeasuredSystem:
    if file.calibration is None:
        raise InputError(f"{file.path} has no group /calibration: name a system matrix")
    plane = find_plane(file.calibration)
    _require_scanner(file, plane, scanner)
    # That takes a pass over the file of its own.
    needs_noise = source.min_snr > 0 or source.is_whitened or source.is_denoised
    pairs = describe_pairs(file, scanner) if needs_noise else ReceivedPairs(None, None)
    receiver = _receiver(source, pairs, file, scanner)
    num_kept = len(receiver.channels)
    kept = np.empty((len(plane.order), file.measurement.shape[1], num_kept), np.complex64)
    places = receiver.components_in(file)
    for part, spectra in by_component(file):
        here = np.flatnonzero((places >= part.start) & (places < part.stop))
        block = spectra.foreground[:, :, receiver.channels[here], places[here] - part.start]
        kept[:, :, here] = block[plane.order]
    if receiver.acquisition.unit != SIGNAL_UNIT or source.is_whitened:
        scaled = np.abs(kept * receiver.factors).sum(axis=0)
        receiver = receiver._replace(factors=receiver.factors / scaled.max())
    matrix = receiver.signals(kept).flatten(1).T.contiguous()
    if source.is_denoised:
        noise = _noise(pairs, file, "is_denoised", receiver.channels, places)
        by_channel = np.repeat(noise * receiver.factors, 2 if scanner.is_complex else 1)
        matrix = denoised(matrix, by_channel, receiver.signal_shape, plane.shape)
    if source.is_sample_corrected:
        matrix = without_sample_blur(matrix, plane.shape, _sample_cells(file, plane))
    return MeasuredSystem(scanner, matrix, plane.shape, receiver.signal_shape, receiver)


def _receiver(
    source: MeasuredMatrix, pairs: ReceivedPairs, file: MDFFile, scanner: Scanner
) -> Receiver:
    lowest, highest = source.frequencies_hz
    frequency_hz = components(file) * file.acquisition.base_frequency_hz
    in_range = (frequency_hz >= lowest) & (frequency_hz <= highest)
    is_kept = np.broadcast_to(in_range, file.measurement.shape[2:])
    if source.min_snr > 0:
        snr = _known(pairs.snr, file, "min_snr", source.min_snr)
        is_kept = is_kept & (snr >= source.min_snr)
    if not is_kept.any():
        raise InputError(
            f"{file.path}: no row of the system matrix has a signal-to-noise ratio of "
            f"{source.min_snr:g} between {lowest:g} and {highest:g} Hz: ask for less"
        )
    channels, places = np.nonzero(is_kept)
    factors = np.ones(len(channels))
    if source.is_whitened:
        factors = 1 / _noise(pairs, file, "is_whitened", channels, places)
    return Receiver(
        scanner=scanner,
        channels=channels,
        components=components(file)[places],
        factors=factors,
        acquisition=file.acquisition,
        is_corrected=is_corrected(file),
    )


def _noise(
    pairs: ReceivedPairs,
    file: MDFFile,
    name: str,
    channels: NDArray[np.int64],
    places: NDArray[np.int64],
) -> NDArray[np.float64]:
    noise = _known(pairs.noise, file, name, True)[channels, places]
    if not (noise > 0).all():
        raise InputError(
            f"experiment.system_matrix.{name} is True, but {file.path} has background frames "
            "without noise: leave it out"
        )
    return noise


def _sample_cells(file: MDFFile, plane: Plane) -> tuple[float, float]:
    """Returns the width (y, x) of the calibration's sample in steps of its grid."""
    size_m = file.calibration.delta_sample_m if file.calibration else None
    if size_m is None:
        raise InputError(
            f"experiment.system_matrix.is_sample_corrected is True, but {file.path} does not say "
            "how large the sample was (/calibration/deltaSampleSize): leave it out"
        )
    cells = [
        size * num / extent_m if extent_m else 0.0
        for size, num, extent_m in zip(
            (size_m[1], size_m[0]), plane.shape, plane.size_m, strict=True
        )
    ]
    return cells[0], cells[1]


def _known(
    values: NDArray[np.float64] | None, file: MDFFile, name: str, value: object
) -> NDArray[np.float64]:
    if values is None:
        raise InputError(
            f"experiment.system_matrix.{name} is {value}, but {file.path} has fewer than two "
            "background frames to tell the noise: leave it out"
        )
    return values


def _require_scanner(file: MDFFile, plane: Plane, scanner: Scanner) -> None:
    num_ffp = scanner.num_ffp_y * scanner.num_ffp_x
    if file.measurement.shape[1] != num_ffp:
        raise InputError(
            f"{file.path} has {file.measurement.shape[1]} periods, experiment.scanner "
            f"{num_ffp} FFP positions: they must agree"
        )
    for axis, found_m, wanted_m in zip("yx", plane.size_m, scanner.field_of_view_m, strict=True):
        if found_m and abs(found_m - wanted_m) > _SIZE_TOLERANCE * wanted_m:
            raise InputError(
                f"{file.path} was calibrated over {1e3 * found_m:g} mm along {axis}, "
                f"experiment.scanner.field_of_view_{axis}_m is {wanted_m:g}: set it to "
                f"{found_m:.6g}"
            )
