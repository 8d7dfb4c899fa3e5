"""Which samples each process trains and evaluates on, and in which order.

Loaders deal in indices only; the simulation turns them into scans on the device.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler

from mpi_cascade.checks import InputError


class SampleKeys(NamedTuple):
    """A batch before it is simulated.

    Attributes:
        stream: Number of the samples' stream.
        indices: Index of each sample in the stream, (batch,).
        first: The first of them, for who can't wait for the device that has them.
    """

    stream: int
    indices: Int64[Tensor, " batch"]
    first: int


def keys_of(stream: int, indices: Sequence[int]) -> SampleKeys:
    """Returns the keys of a batch.

    Args:
        stream: Number of the samples' stream.
        indices: Index of each sample in the stream, one or more.
    """
    return SampleKeys(stream, torch.tensor(indices), indices[0])


class KeyedSamples(Dataset[SampleKeys]):
    """The samples of one stream, fetched by lists of indices, a batch at a time.

    Args:
        stream: Number of the stream.
    """

    def __init__(self, stream: int) -> None:
        self.stream = stream

    def __getitem__(self, indices: list[int]) -> SampleKeys:
        """Returns the keys of one batch."""
        return keys_of(self.stream, indices)


class FreshBatches(DistributedSampler[list[int]]):
    """Training batches: no index ever repeats, in any epoch or process.

    Global batch number k holds the indices k·B … (k+1)·B − 1, B = batch_size · world_size, of
    which each process takes its own consecutive part: the global batches are the same for any
    number of processes.

    Being a ``DistributedSampler`` makes Lightning announce the epoch and leave the sampler alone.

    Args:
        samples_per_epoch: Samples of all processes in one epoch.
        batch_size: Samples per batch and process.
        rank: Number of this process.
        world_size: Number of processes.
        first_batch: Global batches done before, counted over all epochs, for a run that resumes;
            the first pass goes on from there to the end of an epoch.

    Raises:
        InputError: If the epoch is not a whole number of global batches.
    """

    def __init__(
        self,
        samples_per_epoch: int,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        first_batch: int = 0,
    ) -> None:
        global_batch = batch_size * world_size
        if samples_per_epoch < 1 or samples_per_epoch % global_batch:
            raise InputError(
                f"samples_per_epoch is {samples_per_epoch}: it must be a positive multiple of the "
                f"global batch of {global_batch} ({batch_size} samples on each of {world_size} "
                "processes)"
            )
        super().__init__(range(samples_per_epoch), world_size, rank, shuffle=False)  # type: ignore[arg-type]
        self.batch_size = batch_size
        self.num_batches = samples_per_epoch // global_batch
        self.first_batch: int | None = first_batch or None

    def __len__(self) -> int:
        """Returns the number of batches of this process in an epoch."""
        return self.num_batches

    def __iter__(self) -> Iterator[list[int]]:
        """Yields the indices of each batch of the epoch that ``set_epoch`` announced."""
        first_batch, self.first_batch = self.first_batch, None
        if first_batch is None:
            first_batch = self.epoch * self.num_batches
        end = (first_batch // self.num_batches + 1) * self.num_batches
        for global_batch in range(first_batch, end):
            start = (global_batch * self.num_replicas + self.rank) * self.batch_size
            yield list(range(start, start + self.batch_size))


class FixedBatches(DistributedSampler[list[int]]):
    """Evaluation batches: the same samples every time, dealt out evenly to the processes.

    Args:
        samples: Indices of the samples of all processes.
        batch_size: Most samples per batch and process.
        rank: Number of this process.
        world_size: Number of processes.

    Raises:
        InputError: If the processes cannot share the samples evenly, which would count some of
            them twice in the metrics.
    """

    def __init__(
        self, samples: Sequence[int], batch_size: int, rank: int = 0, world_size: int = 1
    ) -> None:
        if not samples or len(samples) % world_size:
            raise InputError(
                f"an evaluation of {len(samples)} samples cannot be shared evenly by {world_size} "
                f"processes: make it a positive multiple of {world_size}"
            )
        super().__init__(samples, world_size, rank, shuffle=False)  # type: ignore[arg-type]
        self.batch_size = batch_size
        self.indices = list(samples[rank::world_size])

    def __len__(self) -> int:
        """Returns the number of batches of this process."""
        return -(-len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        """Yields the indices of each batch."""
        for start in range(0, len(self.indices), self.batch_size):
            yield self.indices[start : start + self.batch_size]
