"""The models of one scanner: the one that makes its signals, and the one that is believed in.

Must not know of phantoms, networks or Lightning.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.data.mdf import MDFFile, read_scans
from mpi_cascade.data.measured import MeasuredMatrix, read_measured
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.physics.psf import DeltaSamplePSF, voltage_psf
from mpi_cascade.physics.scanner import Scanner, changed_scanner


class ScannerModels:
    """What a reconstruction believes of a scanner, and what makes the signals.

    Args:
        scanner: The scanner that reconstructions believe in.
        true_scanner: Quantities in which the scanner that makes the signals differs, by name.
        system_matrix: Measured system matrix that reconstructions believe in, in place of the
            analytic model. It makes the signals too, unless ``true_scanner`` does.
        delta_sample_m: Edge of the sample with which a calibration would have measured the
            analytic model that reconstructions believe in, in m; 0 is an ideal point.

    Attributes:
        true_scanner: The scanner that makes the signals, where no system matrix does.

    Raises:
        InputError: If the system matrix can't be read, or is not of this scanner.
    """

    def __init__(
        self,
        scanner: Scanner,
        true_scanner: Mapping[str, Any],
        system_matrix: MeasuredMatrix | None,
        delta_sample_m: float,
    ) -> None:
        self.true_scanner = changed_scanner(scanner, true_scanner)
        self._scanner = scanner
        self._changes = true_scanner
        self._psf = DeltaSamplePSF(sample_size_m=delta_sample_m) if delta_sample_m else voltage_psf
        self._measured = read_measured(system_matrix, scanner) if system_matrix else None

    @property
    def signal_shape(self) -> tuple[int, int, int]:
        """Shape (channel, y, x) of one scan's signal."""
        return (self._measured or self._scanner).signal_shape

    def believed(self, image_shape: tuple[int, int]) -> LinearModel:
        """Returns the model on the image grid that a reconstruction may know.

        Args:
            image_shape: Pixels (y, x).
        """
        if self._measured:
            return self._measured.model(image_shape)
        return ForwardModel(self._scanner, image_shape, self._psf)

    def true(self, fine_shape: tuple[int, int]) -> LinearModel:
        """Returns the model that makes the signals.

        Args:
            fine_shape: Pixels (y, x) of the simulation grid.

        Raises:
            InputError: If the scanners differ in field of view, FFP grid or harmonics, or the
                signals of system matrix and true scanner have different units.
        """
        if self._measured and not self._changes:
            return self._measured.model(fine_shape)
        if self._measured and not self._measured.is_in_units_of_psf:
            raise InputError(
                f"true_scanner is {dict(self._changes)}, but the signals of the system matrix are "
                "in units of its own: simulate with the matrix, or give one in units of ∫ |PSF| dr"
            )
        return analytic_model(self.true_scanner, self._scanner, fine_shape)

    def read_scans(self, file: MDFFile) -> Iterator[Float[Tensor, "batch c my mx"]]:
        """Yields the scans of an MDF file as signals, (batch, channel, y, x).

        Args:
            file: The open file.

        Raises:
            InputError: If they are not of the scanner, or of the measured system matrix.
        """
        if self._measured is None:
            return read_scans(file, self._scanner)
        if self._measured.receiver is None:
            raise InputError(
                f"{file.path} is MDF, the system matrix an array that does not say how its scanner "
                "receives: give the scans as an array too"
            )
        return self._measured.receiver.read_scans(file)


def analytic_model(
    scanner: Scanner, nominal_scanner: Scanner, fine_shape: tuple[int, int]
) -> ForwardModel:
    """Returns the analytic model that makes the signals.

    Args:
        scanner: The scanner that makes them.
        nominal_scanner: The scanner that reconstructions believe in. Its ∫ |PSF| dr is the unit of
            the signals.
        fine_shape: Pixels (y, x) of the simulation grid.

    Raises:
        InputError: If the scanners differ in field of view, FFP grid or harmonics.
    """
    for name in ("harmonics", "ffp_shape", "field_of_view_m"):
        true, nominal = getattr(scanner, name), getattr(nominal_scanner, name)
        if true != nominal:
            raise InputError(
                f"true_scanner has a {name} of {true}, scanner of {nominal}: give both the "
                "same field of view, FFP grid and harmonics"
            )
    if nominal_scanner.is_complex and not scanner.is_complex:
        raise InputError(
            "scanner has relaxation and true_scanner has none: give true_scanner a "
            "relaxation_time_s above 0"
        )
    return ForwardModel(scanner, fine_shape, unit_scanner=nominal_scanner)
