"""The loaders of a training; they carry sample indices, and the device simulates the scans."""

from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.suites import training_suite
from mpi_cascade.experiment import Experiment
from mpi_cascade.phantoms.mixture import PhantomMixture
from mpi_cascade.phantoms.pair_suite import TwoPointSuite
from mpi_cascade.randomness import RandomStreams, Stream
from mpi_cascade.scans.replayed import ReplayedSimulation
from mpi_cascade.scans.sampling import (
    FixedBatches,
    FreshBatches,
    KeyedSamples,
    SampleKeys,
    keys_of,
)
from mpi_cascade.scans.scanner_range import ScannerRange
from mpi_cascade.scans.simulated import Sample, SimulatedScans
from mpi_cascade.scans.varied import ScannerSpread
from mpi_cascade.training.scanners import training_scanners

_WORKER_TIMEOUT_S = 120


class SimulatedDataModule(LightningDataModule):
    """Scans simulated on the fly: fresh ones for training, fixed ones for validation and test.

    Args:
        experiment: What is scanned, and how.
        two_points: The two-point suite of the test; validation has a quarter of its cases.
        batch_size: Training samples per batch and process.
        global_batch_size: Training samples per batch of all processes together. Where it is given,
            each process takes its share, however many there are, and ``batch_size`` doesn't count.
        evaluation_batch_size: Most validation and test samples per step and process.
        samples_per_epoch: Training samples of all processes per epoch.
        num_validation: Random phantoms in the validation split.
        num_test: Random phantoms in the test split.
        num_workers: Processes per loader. Loading is indices only, so 0 is fastest.
        training_seed: Seed of the training samples; validation and test samples never change.
        scanners: Scanners that training scans come from, for weights that serve them all; without
            it they come from that of the experiment, which is the one that validations have.
        scanner_spread: How far the scanner of each training scan may be from the one that
            reconstructions believe in; without it they are as the experiment says.
        training_snr_db: Lowest and highest peak SNR of training scans in dB; without it they have
            that of the experiment.

    Attributes:
        pairs: The two-point suite for this scanner.
        validation: The suite of every validation.
        training_scanners: The scanners that training scans come from.
        simulations: The simulation of training samples by each of its scanners.
        seconds: Time that moving and simulating training batches has taken in s; on a GPU, the
            time to launch the simulation, which runs beside the process.

    Raises:
        InputError: If a value is out of its range, or a phantom may exceed the field of view.
    """

    def __init__(
        self,
        experiment: Experiment,
        two_points: TwoPointSuite = TwoPointSuite(),
        batch_size: int = 16,
        global_batch_size: int | None = None,
        evaluation_batch_size: int = 64,
        samples_per_epoch: int = 12_800,
        num_validation: int = 256,
        num_test: int = 512,
        num_workers: int = 0,
        training_seed: int = 0,
        scanners: ScannerRange | None = None,
        scanner_spread: ScannerSpread | None = None,
        training_snr_db: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("global_batch_size", global_batch_size, 1),
            ("evaluation_batch_size", evaluation_batch_size, 1),
            ("num_validation", num_validation, 1),
            ("num_test", num_test, 1),
            ("num_workers", num_workers, 0),
        ):
            if value is not None and value < least:
                raise InputError(f"data.{name} is {value}: it must be {least} or more")
        size_m = experiment.scanner.field_of_view_m
        pairs = two_points.pairs(experiment.length_scale, size_m)
        pairs.check_fits(size_m)
        self.experiment = experiment
        self.pairs = pairs
        self.batch_size = batch_size
        self.global_batch_size = global_batch_size
        self.evaluation_batch_size = evaluation_batch_size
        self.samples_per_epoch = samples_per_epoch
        self.num_validation = num_validation
        self.num_test = num_test
        self.num_workers = num_workers
        self.training_seed = training_seed
        self.scanners = scanners
        if scanners is not None and global_batch_size is None:
            # Before their factorisations, which take minutes.
            scanners.require_whole(batch_size)
        self.training_scanners = training_scanners(
            experiment, scanners, scanner_spread, training_snr_db
        )
        self.simulations = [
            ReplayedSimulation(partial(_training_scans, one.mixture, one.scans, training_seed))
            for one in self.training_scanners
        ]
        self.validation = training_suite(experiment, pairs, num_validation, "val")
        self.seconds = 0.0
        self._resumed: dict[str, Any] = {}
        self._moving_since = 0.0

    @torch.no_grad()
    def simulate(self, keys: SampleKeys) -> Sample:
        """Returns the scans that ``keys`` stand for, on the device of its indices."""
        if keys.stream == Stream.TRAINING:
            number = self.scanners.number(self.training_seed, keys.first) if self.scanners else 0
            return self.simulations[number](keys.indices)._replace(scanner=number)
        scans = self.experiment.scans.to(keys.indices.device)
        part = next(part for part in self.validation.sets if part.stream_number == keys.stream)
        return part.scan(scans, keys.indices)

    def training_samples(self, num: int) -> Sample:
        """Returns the first samples of the training."""
        return self.simulate(keys_of(Stream.TRAINING, range(num)))

    def on_before_batch_transfer(self, batch: SampleKeys, dataloader_idx: int) -> SampleKeys:
        """Starts the clock."""
        self._moving_since = perf_counter()
        return batch

    def on_after_batch_transfer(self, batch: SampleKeys, dataloader_idx: int) -> Sample:
        """Returns the simulated batch: the one place where training data is made."""
        sample = self.simulate(batch)
        if batch.stream == Stream.TRAINING:
            self.seconds += perf_counter() - self._moving_since
        return sample

    def train_dataloader(self) -> DataLoader[SampleKeys]:
        """Returns never-repeating batches; a resumed run goes on where its checkpoint was made."""
        batches = self.training_batches(*self._process(), self._take_first_batch())
        return self._loader(Stream.TRAINING, batches)

    def training_batches(self, rank: int, world_size: int, first_batch: int = 0) -> FreshBatches:
        """Returns the training batches of one of several processes.

        Args:
            rank: Number of the process.
            world_size: Number of processes.
            first_batch: Global batches done before.
        """
        share = self._share_of_a_batch(world_size)
        if self.scanners is not None:
            self.scanners.require_whole(share)
        return FreshBatches(self.samples_per_epoch, share, rank, world_size, first_batch)

    def val_dataloader(self) -> list[DataLoader[SampleKeys]]:
        """Returns the sets of the validation."""
        return [
            self._loader(part.stream_number, self._fixed(part.indices, *self._process()))
            for part in self.validation.sets
        ]

    def check_shares(self, world_size: int) -> None:
        """Raises an InputError unless every split can be shared evenly by the processes."""
        self.training_batches(0, world_size)
        for part in self.validation.sets:
            self._fixed(part.indices, 0, world_size)

    def state_dict(self) -> dict[str, Any]:
        """Returns where the next sample of the stream is, so that a resumed run repeats none."""
        assert self.trainer is not None
        processed = self.trainer.fit_loop.epoch_loop.batch_progress.total.processed  # type: ignore[attr-defined]
        # With limit_train_batches an epoch ends before its samples do; the next has its own.
        epochs, batches = divmod(processed, int(self.trainer.num_training_batches))
        global_batch = self._global_batch()
        samples = epochs * self.samples_per_epoch + batches * global_batch
        return {"samples": samples, "global_batch": global_batch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keeps what ``state_dict`` returned until a training goes on from there."""
        self._resumed = state_dict

    def _take_first_batch(self) -> int:
        """Returns the number of the next global batch, and forgets where the checkpoint was."""
        resumed, self._resumed = self._resumed, {}
        now = self._global_batch()
        if resumed and resumed["global_batch"] != now:
            raise InputError(
                f"the checkpoint's training has {resumed['global_batch']} samples in a batch of "
                f"all processes, this one has {now}: resume it with --data.global_batch_size "
                f"{resumed['global_batch']}"
            )
        return int(resumed.get("samples", 0)) // now

    def _global_batch(self) -> int:
        world_size = self._process()[1]
        return self._share_of_a_batch(world_size) * world_size

    def _share_of_a_batch(self, world_size: int) -> int:
        if self.global_batch_size is None:
            return self.batch_size
        share, remainder = divmod(self.global_batch_size, world_size)
        if remainder:
            raise InputError(
                f"data.global_batch_size is {self.global_batch_size}: {world_size} processes can't "
                f"share it evenly, so make it a multiple of {world_size}"
            )
        return share

    def _fixed(self, indices: Sequence[int], rank: int, world_size: int) -> FixedBatches:
        return FixedBatches(indices, self.evaluation_batch_size, rank, world_size)

    def _loader(self, stream: int, sampler: FreshBatches | FixedBatches) -> DataLoader[SampleKeys]:
        # Rarely a forked worker hangs at birth, at a lock that a thread of CPython 3.11 held then:
        # few births, and an error in place of waiting for ever.
        has_workers = self.num_workers > 0
        return DataLoader(
            KeyedSamples(stream), sampler=sampler, batch_size=None, num_workers=self.num_workers,
            persistent_workers=has_workers, timeout=_WORKER_TIMEOUT_S if has_workers else 0,
        )  # fmt: skip

    def _process(self) -> tuple[int, int]:
        """Returns this process's rank and the number of processes."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)


def _training_scans(
    mixture: PhantomMixture, scans: SimulatedScans, seed: int, indices: Tensor
) -> Sample:
    streams = RandomStreams(seed, Stream.TRAINING, indices)
    return scans.to(indices.device).scan(mixture, streams)
