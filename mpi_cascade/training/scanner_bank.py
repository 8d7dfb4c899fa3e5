"""Training over scanners: one set of weights, and every scanner's simulator and physics."""

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
from mpi_cascade.scans.simulated import Sample, SimulatedScans
from mpi_cascade.scans.varied import ScannerSpread

RUN = 32
"""Samples in a row that one scanner of a bank makes: batches must divide it."""


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
        spread: How far each may be from what its reconstructions believe, if it is not as believed.
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
        self.members: list[BankedScanner] = []
        with showing_progress() as progress:
            drawn = scanners.scanners(experiment.scanner)
            task = progress.task("scanners of the training", len(drawn))
            for scanner in drawn:
                # Its own forward model, and the basis in which that was inverted, are let go.
                there = experiment.on(scanner, scanner.ffp_shape)
                scans = there.varied_scans(spread, peak_snr_db)
                self.members.append(BankedScanner(there.mixture, scans, there.cascade))
                task.advance()

    def scan(self, streams: RandomStreams) -> Sample:
        """Returns scans of the samples of ``streams``, all by the scanner of their run of 32.

        Raises:
            InputError: If they are of several runs.
        """
        runs = streams.indices[[0, -1]] // RUN
        if runs[0] != runs[1]:
            raise InputError(
                f"a batch of {len(streams)} training scans has several scanners: make "
                f"data.batch_size one that {RUN} can be divided by"
            )
        run = RandomStreams(streams.seed, streams.stream, runs[:1])
        number = int(run.uniform("scanner of the bank") * len(self.members))
        member = self.members[number]
        scans = member.scans.to(streams.indices.device)
        return scans.scan(member.mixture, streams)._replace(scanner=number)

    def to(self, device: torch.device) -> None:
        """Moves the physics of all scanners to a device."""
        nn.ModuleList(member.cascade for member in self.members).to(device)
