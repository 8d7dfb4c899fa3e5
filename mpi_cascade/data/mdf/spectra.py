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
        signal = kept if background is None else (kept - background).astype(kept.dtype)
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
    """Returns the background of every foreground frame.

    Background frames that were measured one after the other are averaged, and what lies between
    two such blocks is interpolated linearly in the order of acquisition.
    """
    measurement = file.measurement
    order, is_background = measurement.acquisition_order, measurement.is_background_frame
    known = np.argsort(order[is_background])
    blocks = np.split(known, np.flatnonzero(np.diff(order[is_background][known]) > 1) + 1)
    times = np.array([order[is_background][block].mean() for block in blocks])
    means = _means(background, blocks)
    wanted = order[~is_background]
    if len(blocks) == 1:
        return np.broadcast_to(means, (len(wanted), *means.shape[1:]))
    after = np.searchsorted(times, wanted).clip(1, len(times) - 1)
    share = ((wanted - times[after - 1]) / (times[after] - times[after - 1])).clip(0, 1)
    share = share[:, None, None, None]
    result: NDArray[Any] = means[after - 1] * (1 - share) + means[after] * share
    return result


def _means(background: NDArray[Any], blocks: list[NDArray[np.int64]]) -> NDArray[Any]:
    """Returns the mean of every block, shrunken by what is noise of it.

    A mean's noise would be the same at every position of a calibration: a background that a network
    could read the amount of tracer from. The shrinkage is that of James and Stein over the periods
    of a pair of channel and frequency: nearly all of a background that is noise alone, next to
    nothing of one that stands out.

    Source:
        W. James and C. Stein, Proc. 4th Berkeley Symp. Math. Stat. Probab. 1, 1961.
    """
    means = np.stack([background[block].mean(axis=0) for block in blocks])
    freedom = len(background) - len(blocks)
    if freedom < 1:
        return means
    scatter = sum(
        (np.abs(background[block] - mean) ** 2).sum(axis=0)
        for block, mean in zip(blocks, means, strict=True)
    )
    sizes = np.array([len(block) for block in blocks])[:, None, None]
    # Of a mean, by pair; each has as many dimensions as there are periods.
    variance = np.mean(scatter / freedom, axis=0) / sizes
    energy = (np.abs(means) ** 2).sum(axis=1)
    noise = max(means.shape[1] - 2, 0) * variance
    kept = np.where(energy > noise, 1 - noise / np.where(energy > 0, energy, 1), 0)
    return means * kept[:, None]


def _mean(background: NDArray[Any]) -> NDArray[Any]:
    return background.mean(axis=0) if len(background) else background[:0]
