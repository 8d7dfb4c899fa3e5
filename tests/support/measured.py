"""Samples for the tests of metrics, and what each of two processes measures.

Here, and not in a test, because a process that is spawned has to import it.
"""

import torch
from mpi_cascade.metrics.cases import CaseMean
from mpi_cascade.metrics.pair_cases import ResolvableGap

from mpi_cascade.phantoms.scenes import PairGeometry
from mpi_cascade.scans.simulated import Sample

FIELD_OF_VIEW_M = (6.4e-3, 6.4e-3)


def make_sample(truth: torch.Tensor, gaps_mm: list[float] | None = None) -> Sample:
    num = len(truth)
    pairs = None
    if gaps_mm is not None:
        pairs = PairGeometry(
            centre_m=torch.zeros(num, 2),
            direction=torch.tensor([[1.0, 0.0]]).expand(num, 2),
            diameter_m=torch.full((num,), 0.4e-3),
            gap_m=1e-3 * torch.tensor(gaps_mm),
        )
    return Sample(torch.arange(num), torch.zeros(num, 1, 4, 4), truth, pairs)


def split_or_not(is_split: list[bool], gaps_mm: list[float]) -> tuple[torch.Tensor, Sample]:
    """Images in which the cases that are split have an empty valley."""
    estimate = torch.ones(len(is_split), 1, 64, 64)
    estimate[torch.tensor(is_split), :, :, 31:33] = 0
    return estimate, make_sample(estimate, gaps_mm)


def measure_a_part(rank: int, store: str, results) -> None:
    """Measures in one of two processes; the other one has no cases of its own."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2
    )
    metric = CaseMean(first_pixel, higher_is_better=True)
    if rank == 0:  # The other process has no cases at all.
        metric.update(*ramp())
    gap = ResolvableGap(FIELD_OF_VIEW_M)
    gap.update(*split_or_not([rank == 1] * 2, [0.1 + 0.2 * rank] * 2))
    results[rank] = (metric.compute().item(), metric.interval(), gap.compute().item())
    torch.distributed.destroy_process_group()


def first_pixel(estimate, sample):
    return estimate[:, 0, 0, 0]


def ramp():
    image = torch.arange(9.0)[:, None, None, None].expand(9, 1, 4, 4)
    return image, make_sample(image)
