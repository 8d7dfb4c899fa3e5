"""Training over scanners: one set of weights, and every scanner's simulator and physics."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn

from mpi_cascade.checks import InputError
from mpi_cascade.experiment import Experiment
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.results.progress import showing_progress
from mpi_cascade.scans.scanner_range import ScannerRange
from mpi_cascade.scans.simulated import SimulatedScans
from mpi_cascade.scans.varied import ScannerSpread


class BankedScanner(NamedTuple):
    """A scanner of a bank.

    Attributes:
        mixture: Phantoms as large as it needs.
        scans: Its simulator.
        cascade: Both stages with its physics, and with the weights that all scanners share.
    """

    mixture: PhantomMixture
    scans: SimulatedScans
    cascade: Cascade


class ScannerBank:
    """Scanners that training scans come from; which of them is a function of the sample's index.

    Args:
        experiment: The experiment, whose networks' weights all scanners train.
        scanners: Which scanners there are.
        spread: How far each may be from what its reconstructions believe, if it is not as believed;
            drawn anew for each.
        peak_snr_db: Lowest and highest peak SNR in dB, if it is varied.

    Raises:
        InputError: If the networks' weights hold a scanner, or a phantom exceeds the field of view.
    """

    def __init__(
        self,
        experiment: Experiment,
        scanners: ScannerRange,
        spread: ScannerSpread | None,
        peak_snr_db: tuple[float, float] | None,
    ) -> None:
        self.num_in_a_row = scanners.num_in_a_row
        self.members: list[BankedScanner] = []
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
                scans = there.varied_scans(own_spread, peak_snr_db)
                self.members.append(BankedScanner(there.mixture, scans, there.cascade))
                task.advance()

    def number(self, seed: int, stream: int, first: int) -> int:
        """Returns the number of the scanner that makes a batch: that of its run of samples.

        Args:
            seed: Seed of the training samples.
            stream: Number of their stream.
            first: Index of the first sample.
        """
        row = first // self.num_in_a_row
        run = RandomStreams(seed, stream, torch.tensor([row]))
        return int(run.uniform("scanner of the bank") * len(self.members))

    def to(self, device: torch.device) -> None:
        """Moves the physics of all scanners to a device."""
        nn.ModuleList(member.cascade for member in self.members).to(device)
