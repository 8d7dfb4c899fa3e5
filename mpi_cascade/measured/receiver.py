"""Spectra of a scanner's files as signals: which rows count, and by how much.

Must not know of images or calibration grids.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.acquisition import Acquisition
from mpi_cascade.mdf.matching import MOST_RELATIVE
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.mdf.spectra import (
    as_channels,
    by_component,
    by_frame,
    components,
    is_corrected,
)
from mpi_cascade.physics.scanner import Scanner


class Receiver(NamedTuple):
    """How the spectra of a scanner's files become signals (channel, y, x).

    A kept pair of receive channel and frequency is a channel of the signal, or two where it is
    complex: in phase, quadrature. A period is an FFP position.

    Attributes:
        channels: Receive channel of each pair, (P,).
        components: Component of the period of each pair, (P,).
        factors: Factor of each pair, (P,).
        ffp_shape: FFP positions (y, x).
        is_complex: Whether signals have a quadrature part.
        unit: Unit of the files.
        acquisition: How the calibration was made.
        is_corrected: Whether the transfer function is divided out.
    """

    channels: NDArray[np.int64]
    components: NDArray[np.int64]
    factors: NDArray[np.float64]
    ffp_shape: tuple[int, int]
    is_complex: bool
    unit: str | None
    acquisition: Acquisition
    is_corrected: bool

    @property
    def signal_shape(self) -> tuple[int, int, int]:
        """Shape (channel, y, x) of one scan's signal."""
        return len(self.channels) * (2 if self.is_complex else 1), *self.ffp_shape

    def components_in(self, file: MDFFile) -> NDArray[np.int64]:
        """Returns where the spectra of a file have each pair's component, (P,).

        Raises:
            InputError: If the file does not have all of them.
        """
        present = components(file)
        if not np.isin(self.components, present).all():
            raise InputError(f"{file.path} lacks frequencies that the system matrix has")
        return np.searchsorted(present, self.components)

    def signals(self, pairs: NDArray[Any]) -> Float[Tensor, "batch c my mx"]:
        """Returns the signals of kept pairs, (frame, period, pair).

        Raises:
            InputError: If they have a quadrature part that the scanner does not know.
        """
        values = pairs * self.factors
        if not self.is_complex and np.iscomplexobj(values) and values.imag.any():
            raise InputError(
                "the measured signals have a quadrature part: give data.scanner.particle a "
                "relaxation_time_s above 0, which says that signals are complex"
            )
        channels = as_channels(values, self.is_complex, self.ffp_shape)
        return torch.from_numpy(channels.astype(np.float32))

    def differences(self, file: MDFFile) -> list[str]:
        """Returns what a file says of its scanner that the calibration's does not, a phrase each.

        Args:
            file: The open file of scans.
        """
        found, wanted = file.acquisition, self.acquisition
        pairs = {
            "drive amplitude": (found.drive_strength_t, wanted.drive_strength_t),
            "drive frequency": (found.drive_frequency_hz, wanted.drive_frequency_hz),
            "gradient": (found.gradient_t_per_m, wanted.gradient_t_per_m),
            "offset field": (found.offset_field_t, wanted.offset_field_t),
        }
        return [
            f"{name} other than that of the calibration"
            for name, (one, other) in pairs.items()
            if one is not None and other is not None and not _agree(one, other)
        ]

    def read_scans(self, file: MDFFile) -> Iterator[Float[Tensor, "batch c my mx"]]:
        """Returns the scans of a file, read in batches of about 64 MiB, (batch, channel, y, x).

        Raises:
            InputError: If the file is not of the matrix's scanner.
        """
        num_periods, num_channels = file.measurement.shape[1:3]
        if num_periods != self.ffp_shape[0] * self.ffp_shape[1]:
            raise InputError(
                f"{file.path} has {num_periods} periods, the system matrix FFP positions of "
                f"{list(self.ffp_shape)}: they must agree"
            )
        if file.acquisition.unit != self.unit:
            raise InputError(
                f"{file.path} has signals in {file.acquisition.unit}, the system matrix in "
                f"{self.unit}: they must agree"
            )
        if is_corrected(file) != self.is_corrected:
            raise InputError(
                f"{file.path} and the system matrix must both have their transfer function, or "
                "neither"
            )
        if num_channels <= self.channels.max():
            raise InputError(
                f"{file.path} has {num_channels} receive channels, the system matrix uses "
                f"{self.channels.max() + 1}: they must be of one scanner"
            )
        found_hz, wanted_hz = (
            how.base_frequency_hz for how in (file.acquisition, self.acquisition)
        )
        if abs(found_hz - wanted_hz) > MOST_RELATIVE * wanted_hz:
            raise InputError(
                f"{file.path} has frequencies in steps of {found_hz:g} Hz, the system matrix of "
                f"{wanted_hz:g} Hz: they must be of one scanner"
            )
        places = self.components_in(file)
        return (self.signals(spectra[:, :, self.channels, places]) for spectra in by_frame(file))


def _agree(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two quantities by period agree, to a share of the largest value."""
    if one.shape[1:] != other.shape[1:]:
        return False
    tolerance = MOST_RELATIVE * float(np.abs(other).max())
    same_periods = len(one) == len(other) or 1 in (len(one), len(other))
    return same_periods and bool((np.abs(one - other) <= tolerance).all())


class Pairs(NamedTuple):
    """What is known of every pair of receive channel and frequency of a calibration.

    Attributes:
        snr: Signal-to-noise ratio, (C, K); None if nothing tells.
        noise: Standard deviation of the background of one part, (C, K); None if nothing tells.
    """

    snr: NDArray[np.float64] | None
    noise: NDArray[np.float64] | None


def describe_pairs(file: MDFFile, scanner: Scanner) -> Pairs:
    """Returns the signal and the noise of every pair of a calibration.

    Args:
        file: The open file.
        scanner: Its scanner.
    """
    shape = file.measurement.shape[2:]
    signal, noise = np.zeros(shape), np.zeros(shape)
    freedom = 0
    for part, spectra in by_component(file):
        signal[:, part] = np.abs(spectra.foreground).mean(axis=(0, 1))
        freedom = spectra.freedom
        if freedom > 0:
            variance = (np.abs(spectra.noise) ** 2).sum(axis=0) / freedom
            noise[:, part] = np.sqrt(variance.mean(axis=0))
    stated = file.calibration.snr if file.calibration else None
    is_known = freedom > 0
    snr = signal / np.where(noise > 0, noise, np.inf) if is_known else None
    parts = 2 if scanner.is_complex else 1
    return Pairs(
        snr=snr if stated is None else stated.mean(axis=0),
        noise=noise / np.sqrt(parts) if is_known else None,
    )
