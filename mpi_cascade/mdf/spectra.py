"""Spectra of an MDF file as reconstructions want them: without background or transfer function."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.background import Separated, split_background
from mpi_cascade.mdf.reading import MDFFile
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
        spectra = _without_transfer_function(file, values, part)
        yield part, split_background(file.measurement, spectra)


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
        if kept.dtype.kind in "fc":
            signal = signal.astype(kept.dtype)  # Counts would lose the fractions of their mean.
        spectra = signal if measurement.is_fourier else np.fft.rfft(signal)
        yield _without_transfer_function(file, spectra, slice(None))


def as_signals(
    pairs: NDArray[Any], scanner: Scanner, factors: NDArray[np.float64] | float = 1.0
) -> Float[Tensor, "batch c my mx"]:
    """Returns spectra as signals (frame, channel, y, x), in phase and quadrature if complex.

    Args:
        pairs: Spectra of pairs of receive channel and frequency, (frame, period, pair).
        scanner: The scanner; a period is an FFP position.
        factors: Factor of each pair.

    Raises:
        InputError: If they have a quadrature part that the scanner does not know.
    """
    if not scanner.is_complex and np.iscomplexobj(pairs) and pairs.imag.any():
        raise InputError(
            "the signals have a quadrature part: give experiment.scanner.particle a "
            "relaxation_time_s above 0, which says that signals are complex"
        )
    parts = [pairs.real, pairs.imag] if scanner.is_complex else [pairs.real]
    # One by one: a complex product would not keep the sign of a zero.
    scaled = [(part * factors).astype(part.dtype).swapaxes(1, 2) for part in parts]
    stacked = np.stack(scaled, axis=2)
    return torch.from_numpy(stacked.reshape(len(pairs), -1, *scanner.ffp_shape))


def _without_transfer_function(file: MDFFile, spectra: NDArray[Any], part: slice) -> NDArray[Any]:
    function = file.acquisition.transfer_function
    if file.measurement.is_transfer_function_corrected or function is None:
        return spectra
    factors = function[:, components(file)][:, part]
    # What the chain does not pass can't be brought back: it stays 0.
    return np.where(factors == 0, 0, spectra / np.where(factors == 0, 1, factors))
