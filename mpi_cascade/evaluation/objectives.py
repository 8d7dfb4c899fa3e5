"""What classical methods are tuned for: mean PSNR, or resolution at few false alarms."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from mpi_cascade.evaluation.measures import Size, dip
from mpi_cascade.evaluation.operating_points import exceeded_by
from mpi_cascade.evaluation.sets import BATCH_SIZE, EvaluationSet
from mpi_cascade.experiment import Experiment
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.solvers.tuning import Score

_COARSE_STEP = 3
"""Every third scan is enough for a coarse search: of four gaps and five forms in turn, all."""

Reconstruct = Callable[[Tensor], Tensor]
"""Maps signals (batch, channel, y, x) to images (batch, 1, y, x)."""


class TuningSets(NamedTuple):
    """Sets of scans, in no suite, on which classical methods are tuned.

    Attributes:
        phantoms: Phantoms, for PSNR.
        pairs: Pairs, whose dips must have converged, and for resolution.
        nulls: Single objects that might be taken for pairs; without any nothing is tuned for
            resolution.
    """

    phantoms: EvaluationSet
    pairs: EvaluationSet
    nulls: EvaluationSet | None = None


class TuningScans(NamedTuple):
    """Scans of tuning sets.

    Attributes:
        phantoms: Phantoms, batch by batch.
        pairs: Pairs.
        nulls: Nulls; none where nothing is tuned for resolution.
        field_of_view_m: Size (y, x) of the images in m.
    """

    phantoms: Sequence[Sample]
    pairs: Sequence[Sample]
    nulls: Sequence[Sample]
    field_of_view_m: Size


class CoarseAndFine(NamedTuple):
    """Scans of tuning sets.

    Attributes:
        coarse: Every third one.
        fine: All.
    """

    coarse: TuningScans
    fine: TuningScans


@torch.no_grad()
def scan(sets: TuningSets, experiment: Experiment, batch_size: int = BATCH_SIZE) -> CoarseAndFine:
    """Returns the scans of tuning sets, simulated where the experiment's model computes.

    Args:
        sets: The sets.
        experiment: The nominal scanner and the grid of the images.
        batch_size: Scans in a batch.

    Raises:
        InputError: If the field of view can't hold the phantoms.
    """
    size_m = experiment.scanner.field_of_view_m

    def every(step: int) -> TuningScans:
        parts = (part and replace(part, indices=part.indices[::step]) for part in sets)
        phantoms, pairs, nulls = (
            list(part.batches(experiment, batch_size)) if part else [] for part in parts
        )
        return TuningScans(phantoms, pairs, nulls, size_m)

    return CoarseAndFine(every(_COARSE_STEP), every(1))


def psnr_score(scans: TuningScans, reconstruct: Reconstruct) -> Score:
    """Returns the mean PSNR of phantoms in dB.

    Args:
        scans: The phantoms; those that are empty have none.
        reconstruct: Makes the images.
    """
    values = [psnr(reconstruct(sample.signal), sample.concentration) for sample in scans.phantoms]
    return (torch.cat(values).nanmean().item(),)


def resolution_score(scans: TuningScans, reconstruct: Reconstruct) -> Score:
    """Returns how many pairs are resolved at few false alarms.

    That is the share of the pairs whose dip exceeds that which 1 % of the nulls exceed in the same
    method's images, so that a method that cuts holes into everything gains nothing. Among equals
    the higher mean dip above that threshold decides.

    Args:
        scans: The pairs, as many of each gap, and the nulls.
        reconstruct: Makes the images.
    """

    def dips(samples: Sequence[Sample]) -> Tensor:
        size_m = scans.field_of_view_m
        return torch.cat([dip(reconstruct(sample.signal), sample, size_m) for sample in samples])

    threshold = exceeded_by(dips(scans.nulls).cpu().double().numpy())
    excess = dips(scans.pairs) - threshold
    return (excess > 0).double().mean().item(), excess.mean().item()
