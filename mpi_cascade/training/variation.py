"""The simulator of training scans, where scanners or noise differ from scan to scan."""

from mpi_cascade.checks import InputError
from mpi_cascade.experiment import Experiment
from mpi_cascade.physics.disturbances import VariedNoise, WhiteNoise
from mpi_cascade.scans.simulated import SimulatedScans
from mpi_cascade.scans.varied import ScannerSpread, VariedScans


def training_scans(
    experiment: Experiment,
    spread: ScannerSpread | None,
    peak_snr_db: tuple[float, float] | None,
) -> SimulatedScans:
    """Returns the simulator of training scans.

    Args:
        experiment: The simulator where nothing is varied.
        spread: How far scanners may be off, if they are.
        peak_snr_db: Lowest and highest peak SNR in dB, if it is varied.

    Raises:
        InputError: If a measured system matrix stands for the scanner: it says nothing of others.
    """
    usual = experiment.scans
    if spread is None and peak_snr_db is None:
        return usual
    disturbances = list(experiment.disturbances)
    if peak_snr_db is None:
        disturbances.append(WhiteNoise(peak_snr_db=experiment.peak_snr_db))
    else:
        disturbances.append(VariedNoise(peak_snr_db=peak_snr_db))
    bank = [usual.forward_model]
    if spread is not None:
        if experiment.system_matrix is not None:
            raise InputError(
                "scanner_spread needs the analytic model, and a measured system_matrix stands for "
                "the scanner: leave one of them out"
            )
        shape = usual.forward_model.image_shape
        scanner = experiment.actual_scanner
        drawn = zip(spread.changes(scanner), spread.receptions(scanner), strict=True)
        bank = [experiment.models.true(shape, changes, psf) for changes, psf in drawn]
    return VariedScans(bank, experiment.scanner, usual.oversampling, disturbances)
