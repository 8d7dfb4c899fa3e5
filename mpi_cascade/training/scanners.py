"""The scanners of a training: one set of weights, and every scanner's simulator and physics."""

from dataclasses import replace
from typing import NamedTuple

from mpi_cascade.checks import InputError
from mpi_cascade.experiment import Experiment
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.results.progress import showing_progress
from mpi_cascade.scans.scanner_range import ScannerRange
from mpi_cascade.scans.simulated import SimulatedScans
from mpi_cascade.scans.varied import ScannerSpread


class TrainingScanner(NamedTuple):
    """A scanner that training scans come from.

    Attributes:
        mixture: Phantoms as large as it needs.
        scans: Its simulator.
        cascade: Both stages with its physics, and with the weights that all scanners share.
    """

    mixture: PhantomMixture
    scans: SimulatedScans
    cascade: Cascade


def training_scanners(
    experiment: Experiment,
    scanners: ScannerRange | None,
    spread: ScannerSpread | None,
    peak_snr_db: tuple[float, float] | None,
) -> list[TrainingScanner]:
    """Returns the scanners that training scans come from.

    Args:
        experiment: The experiment, whose networks' weights all scanners train.
        scanners: Which scanners there are; without it there is that of the experiment alone.
        spread: How far each may be from what its reconstructions believe, if it is not as believed;
            drawn anew for each.
        peak_snr_db: Lowest and highest peak SNR in dB, if it is varied.

    Raises:
        InputError: If the networks' weights hold a scanner, or a phantom exceeds the field of view.
    """
    if scanners is None:
        return [_training_scanner(experiment, spread, peak_snr_db)]
    found = []
    with showing_progress() as progress:
        drawn = scanners.scanners(experiment.scanner)
        task = progress.task("scanners of the training", len(drawn))
        for number, scanner in enumerate(drawn):
            # Its own forward model, and the basis in which that was inverted, are let go.
            try:
                there = experiment.on(scanner, scanner.ffp_shape)
            except InputError as error:
                raise InputError(f"scanner {number} of data.scanners: {error}") from error
            own_spread = spread and replace(spread, seed=spread.seed + number)
            found.append(_training_scanner(there, own_spread, peak_snr_db))
            task.advance()
    return found


def _training_scanner(
    experiment: Experiment, spread: ScannerSpread | None, peak_snr_db: tuple[float, float] | None
) -> TrainingScanner:
    scans = experiment.varied_scans(spread, peak_snr_db)
    return TrainingScanner(experiment.mixture, scans, experiment.cascade)
