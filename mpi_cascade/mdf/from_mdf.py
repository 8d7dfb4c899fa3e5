"""Scans and images from MDF files: as ``to_mdf`` writes them, or measured by a known chain."""

import math
from collections.abc import Iterator

import torch

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.amplitudes import harmonic_amplitudes
from mpi_cascade.mdf.fields import SIGNAL_UNIT
from mpi_cascade.mdf.matching import ffp_order, require_positions
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.mdf.spectra import as_signals, by_frame, is_corrected
from mpi_cascade.physics.linear import Images, Signals
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.scanner import Scanner


def read_scans(
    file: MDFFile, scanner: Scanner, chain: ReceiveChain | None = None
) -> Iterator[Signals]:
    """Returns the scans of a file, read in batches of about 64 MiB, (batch, channel, y, x).

    Where the file has background frames and its background is not yet subtracted, it is. Simulated
    signals (a.u.) are taken as they are; of measured ones, in time or in frequency, the harmonics
    are picked out and turned into signals by the receive chain, and the periods sorted into the
    FFP grid where the file states their positions.

    Args:
        file: The open file.
        scanner: The scanner that the signals are wanted for.
        chain: Its receive chain, if it is known.

    Raises:
        InputError: If the file's harmonics, FFP positions (by more than half a step) or unit are
            not the scanner's, or its scale is not known.
    """
    unit = file.acquisition.unit
    if unit == SIGNAL_UNIT:
        _require_harmonics(file, scanner)
        _require_periods(file, scanner)
        require_positions(file, scanner)
        return (as_signals(spectra[:, :, 0], scanner) for spectra in by_frame(file))
    if chain is None:
        raise InputError(
            f"{file.path} has signals in {unit or 'a unit that it does not state'}, and nothing "
            "says how much that is for a concentration: calibrate the scanner, and give the "
            "scanner.yaml that calibrate writes (--scanner)"
        )
    _require_chain(file, chain)
    # The first channel counts, as it does in a calibration.
    _require_periods(file, scanner, most_channels=math.inf)
    return _measured_scans(file, scanner, chain)


def lacks_background(file: MDFFile) -> bool:
    """Returns whether a file's background is neither subtracted nor measured."""
    measurement = file.measurement
    return not (measurement.is_background_corrected or measurement.is_background_frame.any())


def read_images(file: MDFFile) -> Images:
    """Returns the images of a file, (batch, 1, y, x).

    Args:
        file: The open file.

    Raises:
        InputError: If they are no single-channel images of one slice.
    """
    grid, data = file.reconstruction
    if grid.size is None or grid.size[2] != 1 or grid.order != "xyz" or data.shape[2] != 1:
        raise InputError(
            f"{file.path} has voxels {grid.size} in the order {grid.order} and {data.shape[2]} "
            "channels: images of one slice in the order xyz and one channel are read"
        )
    return torch.from_numpy(data.reshape(len(data), 1, grid.size[1], grid.size[0]))


def _measured_scans(file: MDFFile, scanner: Scanner, chain: ReceiveChain) -> Iterator[Signals]:
    order = ffp_order(file, scanner)
    blocks = harmonic_amplitudes(file, scanner.harmonics)
    known = chain.background if lacks_background(file) else None
    background = 0 if known is None else known[chain.places(scanner)]
    return (
        as_signals(chain.signals(block[:, order] - background, scanner), scanner).float()
        for block in blocks
    )


def _require_chain(file: MDFFile, chain: ReceiveChain) -> None:
    unit = file.acquisition.unit
    if unit not in (None, chain.unit):
        raise InputError(
            f"{file.path} has signals in {unit}, the scanner was calibrated in {chain.unit}: "
            "they must agree"
        )
    if is_corrected(file) != chain.is_transfer_function_corrected:
        raise InputError(
            f"{file.path} and the calibration of the scanner must both have their transfer "
            "function, or neither"
        )


def _require_harmonics(file: MDFFile, scanner: Scanner) -> None:
    found = file.measurement.components.tolist()
    if found != list(scanner.harmonics):
        raise InputError(
            f"{file.path} has the harmonics {found}, the scanner "
            f"{list(scanner.harmonics)}: they must agree"
        )


def _require_periods(file: MDFFile, scanner: Scanner, most_channels: float = 1) -> None:
    num_ffp = math.prod(scanner.ffp_shape)
    num_periods, num_channels = file.measurement.shape[1:3]
    if num_periods != num_ffp or num_channels > most_channels:
        raise InputError(
            f"{file.path} has {num_periods} periods and {num_channels} channels, "
            f"the scanner {num_ffp} FFP positions and 1 channel: they must agree (calibrate takes "
            "the grid of the scans with --ffp-grid and --region-mm)"
        )
