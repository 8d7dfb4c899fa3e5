"""A simulation that a GPU repeats by itself."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.utils._pytree import tree_map_only

from mpi_cascade.scans.simulated import Sample

_NUM_WARM_UPS = 3


class _Recording(NamedTuple):
    """The launches of a batch, where they read its indices, and where they leave its scans."""

    graph: torch.cuda.CUDAGraph
    indices: Tensor
    sample: Sample


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
            recording = self._recordings[len(indices)] = self._recorded(indices)
        recording.indices.copy_(indices)
        recording.graph.replay()
        # The next replay writes where this one did.
        sample: Sample = tree_map_only(Tensor, Tensor.clone, recording.sample)
        return sample

    def _recorded(self, indices: Tensor) -> _Recording:
        own = indices.clone()
        # As PyTorch wants it: what is made when first used is made before, on a stream beside.
        stream = torch.cuda.Stream(indices.device)
        stream.wait_stream(torch.cuda.current_stream(indices.device))
        with torch.cuda.stream(stream):
            for _ in range(_NUM_WARM_UPS):
                self.simulate(own)
        torch.cuda.current_stream(indices.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=_keeper(indices.device).pool()):
            sample = self.simulate(own)
        return _Recording(graph, own, sample)


@lru_cache
def _keeper(device: torch.device) -> torch.cuda.CUDAGraph:
    """Returns a recording that is never let go, and with it the memory that all of them share.

    Nobody needs what a recording leaves there once its scans are copied.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        torch.zeros(1, device=device)
    return graph
