"""Spectra of a scanner's files as signals: which rows count, and by how much."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.fields import Acquisition
from mpi_cascade.mdf.matching import MOST_RELATIVE, differences
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.mdf.spectra import as_signals, by_component, by_frame, components, is_corrected
from mpi_cascade.physics.linear import Signals
from mpi_cascade.physics.scanner import Scanner


class Receiver(NamedTuple):
    """How the spectra of a scanner's files become signals (channel, y, x).

    A kept pair of receive channel and frequency is a channel of the signal, or two where it is
    complex: in phase, quadrature. A period is an FFP position.

    Attributes:
        scanner: The scanner.
        channels: Receive channel of each pair, (P,).
        components: Component of the period of each pair, (P,).
        factors: Factor of each pair, (P,).
        acquisition: How the scanner scans.
        is_corrected: Whether the transfer function is divided out.
    """

    scanner: Scanner
    channels: NDArray[np.int64]
    components: NDArray[np.int64]
    factors: NDArray[np.float64]
    acquisition: Acquisition
    is_corrected: bool

    @property
    def signal_shape(self) -> tuple[int, int, int]:
        """Shape (channel, y, x) of one scan's signal."""
        return len(self.channels) * (1 + self.scanner.is_complex), *self.scanner.ffp_shape

    def components_in(self, file: MDFFile) -> NDArray[np.int64]:
        """Returns where the spectra of a file have each pair's component, (P,).

        Raises:
            InputError: If the file does not have all of them.
        """
        present = components(file)
        if not np.isin(self.components, present).all():
            raise InputError(f"{file.path} lacks frequencies that the system matrix has")
        return np.searchsorted(present, self.components)

    def signals(self, pairs: NDArray[Any]) -> Signals:
        """Returns the signals of kept pairs, (frame, period, pair).

        Raises:
            InputError: If they have a quadrature part that the scanner does not know.
        """
        return as_signals(pairs, self.scanner, self.factors).float()

    def differences(self, file: MDFFile) -> list[str]:
        """Returns what a file says of its scanner that the calibration's does not, a phrase each.

        Args:
            file: The open file of scans.
        """
        return differences(file, self.scanner, self.acquisition)

    def read_scans(self, file: MDFFile) -> Iterator[Signals]:
        """Returns the scans of a file, read in batches of about 64 MiB, (batch, channel, y, x).

        Raises:
            InputError: If the file is not of this scanner.
        """
        num_periods, num_channels = file.measurement.shape[1:3]
        num_ffp, num_used = self.scanner.num_ffp_y * self.scanner.num_ffp_x, self.channels.max() + 1
        if num_periods != num_ffp or num_channels < num_used:
            raise InputError(
                f"{file.path} has {num_periods} periods and {num_channels} channels, the system "
                f"matrix {num_ffp} FFP positions and {num_used} channels: they must agree"
            )
        found, wanted = file.acquisition, self.acquisition
        if found.unit != wanted.unit:
            raise InputError(
                f"{file.path} has signals in {found.unit}, the system matrix in {wanted.unit}: "
                "they must agree"
            )
        if is_corrected(file) != self.is_corrected:
            raise InputError(
                f"{file.path} and the system matrix must both have their transfer function, or "
                "neither"
            )
        steps_hz = found.base_frequency_hz, wanted.base_frequency_hz
        if abs(steps_hz[0] - steps_hz[1]) > MOST_RELATIVE * steps_hz[1]:
            raise InputError(
                f"{file.path} has frequencies in steps of {steps_hz[0]:g} Hz, the system matrix of "
                f"{steps_hz[1]:g} Hz: they must be of one scanner"
            )
        places = self.components_in(file)
        return (self.signals(spectra[:, :, self.channels, places]) for spectra in by_frame(file))


class ReceivedPairs(NamedTuple):
    """What is known of every pair of receive channel and frequency of a calibration.

    Attributes:
        snr: Signal-to-noise ratio, (C, K); None if nothing tells.
        noise: Standard deviation of the background of one part, (C, K); None if nothing tells.
    """

    snr: NDArray[np.float64] | None
    noise: NDArray[np.float64] | None


def describe_pairs(file: MDFFile, scanner: Scanner) -> ReceivedPairs:
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
    return ReceivedPairs(
        snr=snr if stated is None else stated.mean(axis=0),
        noise=noise / np.sqrt(parts) if is_known else None,
    )
