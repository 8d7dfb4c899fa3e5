"""Scans and images of this package from MDF files, as ``to_mdf`` writes them."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.fields import SIGNAL_UNIT
from mpi_cascade.mdf.matching import require_positions
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.mdf.spectra import as_signals, by_frame
from mpi_cascade.physics.scanner import Scanner


def read_scans(file: MDFFile, scanner: Scanner) -> Iterator[Float[Tensor, "batch c my mx"]]:
    """Returns the scans of a file, read in batches of about 64 MiB, (batch, channel, y, x).

    Where the file has background frames and its background is not yet subtracted, their mean is.

    Args:
        file: The open file.
        scanner: The scanner that the signals are wanted for.

    Raises:
        InputError: If the file's harmonics, FFP positions (by more than half a step) or unit are
            not the scanner's.
    """
    _require_scanner(file, scanner)
    return (as_signals(spectra[:, :, 0], scanner) for spectra in by_frame(file))


def read_images(file: MDFFile) -> Float[Tensor, "batch 1 ny nx"]:
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


def _require_scanner(file: MDFFile, scanner: Scanner) -> None:
    measurement, acquisition = file.measurement, file.acquisition
    if acquisition.unit != SIGNAL_UNIT:
        raise InputError(
            f"{file.path} has signals in {acquisition.unit}, those of the simulation are in "
            f"{SIGNAL_UNIT}: calibrate first"
        )
    if measurement.components.tolist() != list(scanner.harmonics):
        raise InputError(
            f"{file.path} has the harmonics {measurement.components.tolist()}, the scanner "
            f"{list(scanner.harmonics)}: they must agree"
        )
    num_ffp = scanner.num_ffp_y * scanner.num_ffp_x
    if measurement.shape[1:3] != (num_ffp, 1):
        raise InputError(
            f"{file.path} has {measurement.shape[1]} periods and {measurement.shape[2]} channels, "
            f"the scanner {num_ffp} FFP positions and 1 channel: they must agree"
        )
    require_positions(file, scanner)
