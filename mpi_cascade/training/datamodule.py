"""The splits and their loaders; loaders carry sample indices, the device simulates the scans."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from mpi_cascade.checks import InputError
from mpi_cascade.measured import MeasuredMatrix
from mpi_cascade.phantoms import PhantomFamily, PhantomMixture
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.disturbances import Disturbance, WhiteNoise
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.physics.scanner import Scanner, changed_scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.sampling import FixedBatches, FreshBatches, KeyedSamples, SampleKeys
from mpi_cascade.scans.scanner_models import ScannerModels
from mpi_cascade.scans.simulated import Sample, SimulatedScans, fine_shape, square_oversampling

_EVALUATION_SEED = 0
_WORKER_TIMEOUT_S = 120


class Stream(IntEnum):
    """Streams of samples; no two share a random number."""

    TRAINING = 0
    VALIDATION = 1
    VALIDATION_PAIRS = 2
    TEST = 3
    TEST_PAIRS = 4


class SimulatedDataModule(LightningDataModule):
    """Scans simulated on the fly: fresh ones for training, fixed ones for validation and test.

    Args:
        scanner: The scanner that reconstructions believe in.
        image_shape: Pixels (y, x) of the images over the scanner's field of view.
        oversampling: Pixels of the simulation grid per image pixel along its shorter side, ≥ 2.
        phantoms: Families of training, validation and test phantoms by name; the default is
            pairs, clusters, bars, vessels and blobs.
        phantom_weights: Weight of each family in the mixture; 1 where none is given.
        two_points: The two-point suite of the test; validation has a quarter of its cases.
        peak_snr_db: White receiver noise, 20·log10(max|u|/σ).
        disturbances: Further disturbances, applied before the noise.
        true_scanner: Quantities in which the scanner that makes the signals differs from
            ``scanner``, by name.
        system_matrix: Measured system matrix that reconstructions believe in, in place of the
            analytic model of ``scanner``. It makes the signals too, unless ``true_scanner`` does.
        delta_sample_m: Edge of the sample with which a calibration would have measured the
            analytic model that reconstructions believe in, in m; 0 is an ideal point.
        batch_size: Training samples per batch and process.
        global_batch_size: Training samples per batch of all processes together. Where it is given,
            each process takes its share, however many there are, and ``batch_size`` doesn't count.
        evaluation_batch_size: Most validation and test samples per step and process.
        samples_per_epoch: Training samples of all processes per epoch.
        num_validation: Random phantoms in the validation split.
        num_test: Random phantoms in the test split.
        num_workers: Processes per loader. Loading is indices only, so 0 is fastest.
        training_seed: Seed of the training samples; validation and test samples never change.

    Raises:
        InputError: If a value is out of its range, or a phantom may exceed the field of view.
    """

    def __init__(
        self,
        scanner: Scanner = Scanner(),
        image_shape: tuple[int, int] = (64, 64),
        oversampling: int = 2,
        phantoms: dict[str, PhantomFamily] | None = None,
        phantom_weights: dict[str, float] | None = None,
        two_points: TwoPoints = TwoPoints(),
        peak_snr_db: float = 30.0,
        disturbances: Sequence[Disturbance] = (),
        true_scanner: dict[str, Any] | None = None,
        system_matrix: MeasuredMatrix | None = None,
        delta_sample_m: float = 0.0,
        batch_size: int = 16,
        global_batch_size: int | None = None,
        evaluation_batch_size: int = 64,
        samples_per_epoch: int = 12_800,
        num_validation: int = 256,
        num_test: int = 512,
        num_workers: int = 0,
        training_seed: int = 0,
    ) -> None:
        super().__init__()
        for name, value in (
            ("batch_size", batch_size),
            ("global_batch_size", 1 if global_batch_size is None else global_batch_size),
            ("evaluation_batch_size", evaluation_batch_size),
        ):
            if value < 1:
                raise InputError(f"{name} is {value}: it must be 1 or more")
        if num_workers < 0:
            raise InputError(f"num_workers is {num_workers}: it must not be negative")
        if min(image_shape) < 1:
            raise InputError(f"image_shape is {list(image_shape)}: it must be positive")
        self.scanner = scanner
        self.image_shape = image_shape
        self.two_points = two_points
        self.batch_size = batch_size
        self.global_batch_size = global_batch_size
        self.evaluation_batch_size = evaluation_batch_size
        self.samples_per_epoch = samples_per_epoch
        self.num_validation = num_validation
        self.num_test = num_test
        self.num_workers = num_workers
        self.training_seed = training_seed
        self.mixture = PhantomMixture(phantoms, phantom_weights)
        self.mixture.check_fits(scanner.field_of_view_m)
        two_points.check_fits(scanner.field_of_view_m)
        self.true_scanner = changed_scanner(scanner, true_scanner or {})
        self.models = ScannerModels(scanner, system_matrix, delta_sample_m)
        per_axis = square_oversampling(image_shape, scanner.field_of_view_m, oversampling)
        self.scans = SimulatedScans(
            self.models.true(fine_shape(image_shape, per_axis), true_scanner or {}),
            nominal_scanner=scanner,
            oversampling=per_axis,
            disturbances=[*disturbances, WhiteNoise(peak_snr_db=peak_snr_db)],
        )
        self._resumed: dict[str, Any] = {}

    def reconstruction_model(self) -> LinearModel:
        """Returns the forward model on the image grid that a reconstruction may know."""
        return self.models.believed(self.image_shape)

    @property
    def signal_shape(self) -> tuple[int, int, int]:
        """Shape (channel, y, x) of one scan's signal."""
        return self.models.signal_shape

    def streams(self, keys: SampleKeys) -> RandomStreams:
        """Returns the random numbers of the samples that ``keys`` stand for."""
        seed = self.training_seed if keys.stream == Stream.TRAINING else _EVALUATION_SEED
        return RandomStreams(seed, keys.stream, keys.indices)

    def check_shares(self, world_size: int) -> None:
        """Raises an InputError unless every split can be shared evenly by the processes."""
        self.training_batches(0, world_size)
        for samples in self._evaluation_samples().values():
            FixedBatches(samples, self.evaluation_batch_size, world_size=world_size)

    @torch.no_grad()
    def simulate(self, keys: SampleKeys) -> Sample:
        """Returns the scans that ``keys`` stand for, on the device of its indices."""
        scans = self.scans.to(keys.indices.device)
        streams = self.streams(keys)
        if keys.stream in (Stream.VALIDATION_PAIRS, Stream.TEST_PAIRS):
            return scans.scan(self.two_points, streams)
        return scans.scan(self.mixture, streams)

    def on_after_batch_transfer(self, batch: SampleKeys, dataloader_idx: int) -> Sample:
        """Returns the simulated batch: the one place where training data is made."""
        return self.simulate(batch)

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
        return FreshBatches(self.samples_per_epoch, share, rank, world_size, first_batch)

    def val_dataloader(self) -> list[DataLoader[SampleKeys]]:
        """Returns the validation phantoms and a part of the two-point suite."""
        return [self._fixed(Stream.VALIDATION), self._fixed(Stream.VALIDATION_PAIRS)]

    def test_dataloader(self) -> list[DataLoader[SampleKeys]]:
        """Returns the test phantoms and the two-point suite."""
        return [self._fixed(Stream.TEST), self._fixed(Stream.TEST_PAIRS)]

    def predict_dataloader(self) -> DataLoader[SampleKeys]:
        """Returns the test phantoms."""
        return self._fixed(Stream.TEST)

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
                f"global_batch_size is {self.global_batch_size}: {world_size} processes can't "
                f"share it evenly, so make it a multiple of {world_size}"
            )
        return share

    def _evaluation_samples(self) -> dict[Stream, Sequence[int]]:
        pairs = range(len(self.two_points))
        cases = self.two_points.cases_per_gap
        return {
            Stream.VALIDATION: range(self.num_validation),
            Stream.VALIDATION_PAIRS: [i for i in pairs if i % cases < -(-cases // 4)],
            Stream.TEST: range(self.num_test),
            Stream.TEST_PAIRS: pairs,
        }

    def _fixed(self, stream: Stream) -> DataLoader[SampleKeys]:
        samples = self._evaluation_samples()[stream]
        return self._loader(
            stream, FixedBatches(samples, self.evaluation_batch_size, *self._process())
        )

    def _loader(
        self, stream: Stream, sampler: FreshBatches | FixedBatches
    ) -> DataLoader[SampleKeys]:
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
