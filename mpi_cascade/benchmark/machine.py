"""What the machine can do: the limits that times are set against."""

import mmap

import torch
from torch import Tensor

from mpi_cascade.benchmark.timing import Row, in_turn, spread

SECTION = "machine"
_NUM_FLOATS = 2**26
_SIZE = 1536


def measure_machine() -> list[Row]:
    """Returns the memory bandwidth of a copy, and the FLOP rate of a float32 product of matrices.

    Both with the threads that torch is set to use.
    """
    source, target = _ones(), _ones()
    left, right = torch.rand(_SIZE, _SIZE), torch.rand(_SIZE, _SIZE)
    times = in_turn(
        {"copy": lambda: target.copy_(source), "product": lambda: left @ right}, num_rounds=9
    )
    gigabytes, gigaflops = 2 * 4e-9 * _NUM_FLOATS, 2e-9 * _SIZE**3
    return [
        spread(SECTION, "memory bandwidth", "GB/s", [gigabytes / s for s in times["copy"]]),
        spread(SECTION, "float32 products", "GFLOP/s", [gigaflops / s for s in times["product"]]),
    ]


def _ones() -> Tensor:
    """Returns an array that gives its memory back: the allocator would keep it for good."""
    return torch.frombuffer(mmap.mmap(-1, 4 * _NUM_FLOATS), dtype=torch.float32).fill_(1)
