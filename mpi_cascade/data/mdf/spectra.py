"""Spectra of an MDF file as reconstructions want them: without background or transfer function.

Must not know of scanners or images.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.data.mdf.reading import MDFFile


class Spectra(NamedTuple):
    """A block of spectra, (frame, period, channel, component).

    Attributes:
        foreground: Frames with a sample, the background subtracted.
        background: Frames without one, about their mean; none if it was not measured.
    """

    foreground: NDArray[Any]
    background: NDArray[Any]


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


def by_component(file: MDFFile) -> Iterator[tuple[slice, Spectra]]:
    """Yields all frames of a Fourier-transformed file in blocks of components.

    Raises:
        InputError: If the data are in time, or can't be read.
    """
    if not file.measurement.is_fourier:
        raise InputError(
            f"{file.path} has signals in time, a system matrix is in frequency: transform it first"
        )
    is_background = file.measurement.is_background_frame
    for part, values in file.measurement.by_bin():
        spectra = _without_transfer_function(file, values, part)
        background = spectra[is_background]
        foreground = spectra[~is_background]
        if len(background) and not file.measurement.is_background_corrected:
            foreground = foreground - _at_time_of(file, background)
        yield part, Spectra(foreground, background - _mean(background))


def by_frame(file: MDFFile) -> Iterator[NDArray[Any]]:
    """Yields the spectra of frames with a sample in blocks, the mean background subtracted.

    Signals in time are transformed.

    Raises:
        InputError: If they can't be read.
    """
    measurement = file.measurement
    is_background = measurement.is_background_frame
    background = None
    if is_background.any() and not measurement.is_background_corrected:
        frames = [
            values[is_background[part]].sum(axis=0) for part, values in measurement.by_frame()
        ]
        background = np.sum(frames, axis=0) / is_background.sum()
    for part, values in measurement.by_frame():
        kept = values[~is_background[part]]
        signal = kept if background is None else kept - background
        spectra = signal if measurement.is_fourier else np.fft.rfft(signal)
        yield _without_transfer_function(file, spectra, slice(None))


def _without_transfer_function(file: MDFFile, spectra: NDArray[Any], part: slice) -> NDArray[Any]:
    function = file.acquisition.transfer_function
    if file.measurement.is_transfer_function_corrected or function is None:
        return spectra
    factors = function[:, components(file)][:, part]
    # What the chain does not pass can't be brought back: it stays 0.
    return np.where(factors == 0, 0, spectra / np.where(factors == 0, 1, factors))


def _at_time_of(file: MDFFile, background: NDArray[Any]) -> NDArray[Any]:
    """Returns the background of every foreground frame, linear between its measurements."""
    measurement = file.measurement
    order, is_background = measurement.acquisition_order, measurement.is_background_frame
    known = np.argsort(order[is_background])
    times = order[is_background][known]
    after = np.searchsorted(times, order[~is_background]).clip(1, max(len(times) - 1, 1))
    before, after = after - 1, after.clip(max=len(times) - 1)
    gaps = np.maximum(times[after] - times[before], 1)
    share = ((order[~is_background] - times[before]) / gaps).clip(0, 1)[:, None, None, None]
    sorted_background = background[known]
    return sorted_background[before] * (1 - share) + sorted_background[after] * share


def _mean(background: NDArray[Any]) -> NDArray[Any]:
    return background.mean(axis=0) if len(background) else background[:0]
