"""Spectra of an MDF file as reconstructions want them: without background or transfer function."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.background import Separated, between, blocks_of, split_background
from mpi_cascade.mdf.hdf5 import MAX_BLOCK_BYTES
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.physics.linear import Signals
from mpi_cascade.physics.scanner import Scanner


def is_corrected(file: MDFFile) -> bool:
    """Whether spectra from here are free of the receive chain's transfer function."""
    has_function = file.acquisition.transfer_function is not None
    return file.measurement.is_transfer_function_corrected or has_function


def components(file: MDFFile) -> NDArray[np.int64]:
    """Returns which components of the period the spectra have, 0 the mean."""
    measurement = file.measurement
    if measurement.is_fourier:
        return measurement.components
    return np.arange(measurement.shape[3] // 2 + 1)


def by_component(file: MDFFile) -> Iterator[tuple[slice, Separated]]:
    """Yields all frames of a Fourier-transformed file in blocks of components.

    Raises:
        InputError: If the data are in time, or can't be read.
    """
    if not file.measurement.is_fourier:
        raise InputError(
            f"{file.path} has signals in time, a system matrix is in frequency: transform it first"
        )
    for part, values in file.measurement.by_bin():
        spectra = without_transfer_function(file, values, part)
        yield part, split_background(file.measurement, spectra)


def by_frame(file: MDFFile) -> Iterator[NDArray[Any]]:
    """Yields the spectra of frames with a sample in blocks, the background subtracted.

    Between blocks of background frames it is interpolated in the order of acquisition. Signals in
    time are transformed. A frame may have values that are NaN or infinite; a background frame that
    has any doesn't count.

    Raises:
        InputError: If they can't be read.
    """
    measurement = file.measurement
    is_background = measurement.is_background_frame
    is_subtracted = is_background.any() and not measurement.is_background_corrected
    background = _mean_blocks(file) if is_subtracted else None
    for part, values in measurement.by_frame():
        kept = values[~is_background[part]]
        if not len(kept):
            continue
        if not np.isfinite(kept).all():
            kept = np.where(np.isfinite(kept), kept, np.nan)  # Infinity would warn of itself.
        if background is None:
            signal = kept
        else:
            times = measurement.acquisition_order[part][~is_background[part]]
            signal = kept - between(*background, times)
        if kept.dtype.kind in "fc":
            signal = signal.astype(kept.dtype)  # Counts would lose the fractions of their mean.
        spectra = signal if measurement.is_fourier else np.fft.rfft(signal)
        yield without_transfer_function(file, spectra, slice(None))


def as_signals(
    pairs: NDArray[Any], scanner: Scanner, factors: NDArray[np.float64] | float = 1.0
) -> Signals:
    """Returns spectra as signals (frame, channel, y, x), in phase and quadrature if complex.

    Args:
        pairs: Spectra of pairs of receive channel and frequency, (frame, period, pair).
        scanner: The scanner; a period is an FFP position.
        factors: Factor of each pair.

    Raises:
        InputError: If they have a quadrature part that the scanner does not know.
    """
    has_quadrature = np.iscomplexobj(pairs) and bool(pairs.imag[np.isfinite(pairs.imag)].any())
    if not scanner.is_complex and has_quadrature:
        raise InputError(
            "the signals have a quadrature part: give experiment.scanner.particle a "
            "relaxation_time_s above 0, which says that signals are complex"
        )
    parts = [pairs.real, pairs.imag] if scanner.is_complex else [pairs.real]
    # One by one: a complex product would not keep the sign of a zero.
    scaled = [(part * factors).astype(part.dtype).swapaxes(1, 2) for part in parts]
    stacked = np.stack(scaled, axis=2)
    return torch.from_numpy(stacked.reshape(len(pairs), -1, *scanner.ffp_shape))


def without_transfer_function(file: MDFFile, spectra: NDArray[Any], part: slice) -> NDArray[Any]:
    """Returns spectra, (frame, period, channel, component), without the file's transfer function.

    Where it is divided out already, or the file has none, they are unchanged.

    Args:
        file: The open file.
        spectra: Some components of it.
        part: Which of those that the file has.
    """
    function = file.acquisition.transfer_function
    if file.measurement.is_transfer_function_corrected or function is None:
        return spectra
    factors = function[:, components(file)][:, part]
    # What the chain does not pass can't be brought back: it stays 0.
    return np.where(factors == 0, 0, spectra / np.where(factors == 0, 1, factors))


def _mean_blocks(file: MDFFile) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Returns the time of each block of background frames, and its mean.

    Blocks whose means would not fit in memory are taken together with their neighbours. Frames that
    have values which are NaN or infinite don't count.
    """
    measurement = file.measurement
    is_background, order = measurement.is_background_frame, measurement.acquisition_order
    block = blocks_of(order[is_background])
    num_bytes = 16 * math.prod(measurement.shape[1:])
    while block.max() and (block.max() + 1) * num_bytes > MAX_BLOCK_BYTES:
        block = block // 2
    number = np.full(len(order), -1)
    number[is_background] = block
    is_usable = np.zeros(len(order), np.bool_)
    sums: NDArray[Any] | None = None
    for part, values in measurement.by_frame():
        if sums is None:
            kind = np.result_type(values, np.float64)
            sums = np.zeros((block.max() + 1, *values.shape[1:]), kind)
        chosen = is_background[part] & np.isfinite(values).all(axis=(1, 2, 3))
        is_usable[part] = chosen
        np.add.at(sums, number[part][chosen], values[chosen])
    if sums is None or not is_usable.any():
        raise InputError(
            f"{file.path}: every background frame has NaN or infinite values: leave them out"
        )
    sizes = np.bincount(number[is_usable], minlength=len(sums))
    times = np.bincount(number[is_usable], order[is_usable], minlength=len(sums))
    has_any = sizes > 0
    means: NDArray[Any] = sums[has_any] / sizes[has_any, None, None, None]
    return times[has_any] / sizes[has_any], means
