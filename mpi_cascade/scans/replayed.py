"""A simulation that a GPU repeats by itself."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.utils._pytree import tree_map_only

from mpi_cascade.devices import recorded
from mpi_cascade.scans.simulated import Sample


class _Recording(NamedTuple):
    """The launches of a batch, where they leave its scans, and where they read its indices."""

    graph: torch.cuda.CUDAGraph
    sample: Sample
    indices: Tensor


class ReplayedSimulation:
    """A simulation whose hundreds of launches a GPU repeats as one, a CUDA graph.

    Recorded once for every size of a batch. The scans are those of the simulation; a CPU calls it.

    Args:
        simulate: Returns the scans of sample indices, (batch,). It may not wait for the device.
    """

    def __init__(self, simulate: Callable[[Tensor], Sample]) -> None:
        self.simulate = simulate
        self._recordings: dict[int, _Recording] = {}

    def __call__(self, indices: Int64[Tensor, " batch"]) -> Sample:
        """Returns the scans of sample indices, on their device."""
        if not indices.is_cuda:
            return self.simulate(indices)
        recording = self._recordings.get(len(indices))
        if recording is None:
            own = indices.clone()
            recording = _Recording(*recorded(partial(self.simulate, own), indices.device), own)
            self._recordings[len(indices)] = recording
        recording.indices.copy_(indices)
        recording.graph.replay()
        # The next replay writes where this one did.
        return tree_map_only(Tensor, Tensor.clone, recording.sample)
