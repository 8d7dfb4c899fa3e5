"""Samples for the tests of an evaluation, and what each of two processes measures.

Here, and not in a test, because a process that is spawned has to import it.
"""

import torch
from pairs import make_pairs
from torch import distributed

from mpi_cascade.evaluation.measures import PAIRS, PHANTOMS
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.evaluation.table import CaseTable, MethodKey, results_of
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.scans.simulated import Sample

FIELD_OF_VIEW_M = (6.4e-3, 6.4e-3)
GAPS_MM = [0.1, 0.3] * 6
KEY = MethodKey("cascade", 0, "final")
THRESHOLDS = {KEY: 0.5}
PHANTOM_SET = EvaluationSet(
    name="phantoms", kind=PHANTOMS, scene=PhantomMixture(), indices=range(12)
)
PAIR_SET = EvaluationSet(
    name="pairs", kind=PAIRS, scene=TwoPoints(gaps_mm=(0.1, 0.3), cases_per_gap=6),
    indices=range(12),
)  # fmt: skip


def make_sample(truth: torch.Tensor, gaps_mm: list[float] | None = None) -> Sample:
    num, pairs = len(truth), None if gaps_mm is None else make_pairs(*gaps_mm)
    return Sample(torch.arange(num), torch.zeros(num, 1, 4, 4), truth, pairs)


def split_or_not(is_split: list[bool], gaps_mm: list[float]) -> tuple[torch.Tensor, Sample]:
    """Images in which the cases that are split have an empty valley."""
    estimate = torch.ones(len(is_split), 1, 64, 64)
    estimate[torch.tensor(is_split), :, :, 31:33] = 0
    return estimate, make_sample(estimate, gaps_mm)


def phantoms(num: int = 12) -> tuple[torch.Tensor, Sample]:
    """Noisy images of random truths, of which the first is empty."""
    generator = torch.Generator().manual_seed(num)
    truth = torch.rand(num, 1, 16, 16, generator=generator)
    truth = truth * torch.rand(num, 1, 1, 1, generator=generator)
    truth[0] = 0
    return truth + 0.1 * torch.randn(truth.shape, generator=generator), make_sample(truth)


def chosen_cases(sample: Sample, chosen: slice) -> Sample:
    pairs = sample.pairs and sample.pairs.cases(chosen)
    return Sample(*(column[chosen] for column in sample[:3]), pairs=pairs)


def new_table() -> CaseTable:
    return CaseTable([PHANTOM_SET, PAIR_SET], [KEY], FIELD_OF_VIEW_M)


def add(table: CaseTable, phantoms_chosen: slice, pairs_chosen: slice) -> None:
    """Adds some of twelve phantoms and twelve pairs."""
    cases = (
        (PHANTOM_SET, phantoms(), phantoms_chosen),
        (PAIR_SET, split_or_not([False, True, True, True] * 3, GAPS_MM), pairs_chosen),
    )
    for part, (estimate, sample), chosen in cases:
        table.add(KEY, part, estimate[chosen], chosen_cases(sample, chosen))


def measure_a_part(rank: int, rendezvous: str, results) -> None:
    """Measures in one of two processes: all phantoms in the first, and a part of the pairs each."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2
    )
    empty, mixed, none = new_table(), new_table(), slice(0, 0)
    if rank == 0:  # The other process has no case at all.
        add(empty, slice(None), slice(None))
    add(mixed, none if rank else slice(None), slice(rank, None, 2))
    results[rank] = tuple(results_of(table.cases(), THRESHOLDS) for table in (empty, mixed))
    distributed.destroy_process_group()
