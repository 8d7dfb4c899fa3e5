"""Harmonics of the drive field in a file's spectra, as complex amplitudes in the file's unit."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.mdf.spectra import by_frame, components


def amplitude_factor(file: MDFFile) -> float:
    """Returns 2/V: a component of the Fourier transform of V samples becomes its amplitude."""
    return 2 / file.acquisition.num_sampling_points


def drive_cycles(file: MDFFile) -> int:
    """Returns how many periods of the drive field a period of the file holds.

    Raises:
        InputError: If it is no whole number, or there are several drive channels.
    """
    frequency_hz = file.acquisition.drive_frequency_hz
    if frequency_hz.shape != (1, 1):
        raise InputError(
            f"{file.path} has {frequency_hz.shape[0]} drive channels and {frequency_hz.shape[1]} "
            "frequencies of each: a receive chain is that of one drive field along x"
        )
    cycles = float(frequency_hz[0, 0]) / file.acquisition.base_frequency_hz
    if round(cycles) < 1 or abs(cycles - round(cycles)) > 1e-3 * cycles:
        raise InputError(
            f"{file.path} has {cycles:g} periods of the drive field in each of its own (bandwidth, "
            "numSamplingPoints, drivefield): it must be a whole number"
        )
    return round(cycles)


def harmonic_amplitudes(file: MDFFile, harmonics: Sequence[int]) -> Iterator[NDArray[Any]]:
    """Returns the harmonics of all frames with a sample in blocks, (frame, period, harmonic).

    Of the first receive channel; the background is subtracted, and the transfer function divided
    out, where the file has them.

    Args:
        file: The open file.
        harmonics: The harmonics of the drive field.

    Raises:
        InputError: If the file does not have all of them.
    """
    wanted = drive_cycles(file) * np.array(harmonics)
    present = components(file)
    if not np.isin(wanted, present).all():
        raise InputError(
            f"{file.path} lacks a harmonic of {list(harmonics)}, the components {wanted.tolist()} "
            "of its period: store them (frequencySelection, or more samples)"
        )
    places, factor = np.searchsorted(present, wanted), amplitude_factor(file)
    return (factor * spectra[:, :, 0, places] for spectra in by_frame(file))
