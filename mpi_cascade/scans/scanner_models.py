"""The models of one scanner: the one that makes its signals, and the one that is believed in.

Must not know of phantoms, networks or Lightning.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mpi_cascade.checks import InputError
from mpi_cascade.mdf import MDFFile, differences, read_scans
from mpi_cascade.measured import MeasuredMatrix, MeasuredSystem, read_measured
from mpi_cascade.physics.forward import ForwardModel, PointSpreadFunction
from mpi_cascade.physics.linear import LinearModel, Signals
from mpi_cascade.physics.psf import sample_psf, voltage_psf
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.scanner import Scanner, changed_scanner

_NO_CHANGES: Mapping[str, Any] = {}


@dataclass(frozen=True)
class ScannerModels:
    """What a reconstruction believes of a scanner, and what makes its signals.

    Args:
        scanner: The scanner that reconstructions believe in.
        system_matrix: Measured system matrix that they believe in, in place of the analytic model;
            it makes the signals too.
        delta_sample_m: Edge of the sample with which a calibration would have measured the
            analytic model that they believe in, in m; 0 is an ideal point.

    Raises:
        InputError: If the system matrix can't be read, or is not of this scanner.
    """

    scanner: Scanner
    system_matrix: MeasuredMatrix | None = None
    delta_sample_m: float = 0.0

    def __post_init__(self) -> None:
        """Reads the system matrix, so that a wrong one is refused at once."""
        if self._measured and self.delta_sample_m:
            raise InputError(
                f"delta_sample_m is {self.delta_sample_m} and belongs to the analytic model, but "
                "there is a system_matrix: leave one of them out"
            )

    @cached_property
    def _measured(self) -> MeasuredSystem | None:
        return read_measured(self.system_matrix, self.scanner) if self.system_matrix else None

    @property
    def signal_shape(self) -> tuple[int, int, int]:
        """Shape (channel, y, x) of one scan's signal."""
        return (self._measured or self.scanner).signal_shape

    @property
    def are_as_simulated(self) -> bool:
        """Whether signals are those of the analytic model: unit, channels and harmonics."""
        return self._measured is None or self._measured.is_as_simulated

    def believed(self, image_shape: tuple[int, int]) -> LinearModel:
        """Returns the model on the image grid that a reconstruction may know.

        Args:
            image_shape: Pixels (y, x).
        """
        if self._measured:
            return self._measured.model(image_shape)
        return ForwardModel(self.scanner, image_shape, sample_psf(self.delta_sample_m))

    def true(
        self,
        fine_shape: tuple[int, int],
        true_scanner: Mapping[str, Any] = _NO_CHANGES,
    ) -> LinearModel:
        """Returns the model that makes the signals.

        Args:
            fine_shape: Pixels (y, x) of the simulation grid.
            true_scanner: Quantities in which the scanner that makes them differs, by name. Where
                there are any, the analytic model of that scanner makes the signals, not the matrix.

        Raises:
            InputError: If the scanners differ in field of view, FFP grid or harmonics, or the
                signals of the system matrix are not those of an analytic model.
        """
        if self._measured and not true_scanner:
            return self._measured.model(fine_shape)
        if not self.are_as_simulated:
            raise InputError(
                f"true_scanner is {dict(true_scanner)}, but the signals of the system matrix have "
                "units, channels or harmonics of their own: simulate with the matrix, or give one "
                "in units of ∫ |PSF| dr for experiment.scanner.harmonics"
            )
        changed = changed_scanner(self.scanner, true_scanner)
        return analytic_model(changed, self.scanner, fine_shape)

    def read_scans(self, file: MDFFile, chain: ReceiveChain | None = None) -> Iterator[Signals]:
        """Returns the scans of an MDF file as signals, read in batches, (batch, channel, y, x).

        Args:
            file: The open file.
            chain: The receive chain that measured it; of a measured system matrix it is not needed.

        Raises:
            InputError: If they are not of the scanner, or of the measured system matrix.
        """
        if self._measured is None:
            return read_scans(file, self.scanner, chain)
        if self._measured.receiver is None:
            raise InputError(
                f"{file.path} is MDF, the system matrix an array that does not say how its scanner "
                "receives: give the scans as an array too"
            )
        return self._measured.receiver.read_scans(file)

    def differences(self, file: MDFFile) -> Sequence[str]:
        """Returns what an MDF file says of its scanner that is not as wanted, a phrase each.

        Args:
            file: The open file.
        """
        if self._measured is None:
            return differences(file, self.scanner)
        return self._measured.receiver.differences(file) if self._measured.receiver else ()


def analytic_model(
    scanner: Scanner,
    nominal_scanner: Scanner,
    fine_shape: tuple[int, int],
    psf: PointSpreadFunction = voltage_psf,
) -> ForwardModel:
    """Returns the analytic model that makes the signals.

    Args:
        scanner: The scanner that makes them.
        nominal_scanner: The scanner that reconstructions believe in. Its ∫ |PSF| dr is the unit of
            the signals.
        fine_shape: Pixels (y, x) of the simulation grid.
        psf: Voltage per point of tracer.

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
    return ForwardModel(scanner, fine_shape, psf, nominal_scanner)
