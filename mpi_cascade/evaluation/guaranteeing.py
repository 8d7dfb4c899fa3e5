"""Calibrates the intervals of a cascade on scans that nothing else is made of."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.coverage import mass_factors_needed, pixel_factors_needed
from mpi_cascade.evidence.evidence import Evidence
from mpi_cascade.guarantee.guarantee import Guarantee, NoiseGroup
from mpi_cascade.guarantee.risk_control import (
    controlling_factor,
    least_scans,
    losses_at_factors,
)
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.physics.noise import standard_error
from mpi_cascade.randomness import RandomStreams, Stream
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.trained import TrainedCascade, guarantee_texts

_SEED = 20261128
"""Of the random numbers; no training has it, the final suite has, but other streams."""

_WIDTH_DB = 5.0
_LEAST_MARGIN_DB = 2.0
_NUM_ERRORS = 4.0
"""Standard errors that an estimate of the noise may be off."""

_USUAL_SHARE = 0.99


class Calibration(NamedTuple):
    """A guarantee, and what it was made of.

    Attributes:
        guarantee: The guarantee.
        pixel_losses: Of each group the share of pixels that are missed at every factor, (scan,
            factor).
        mass_losses: Likewise that of objects.
    """

    guarantee: Guarantee
    pixel_losses: list[NDArray[np.float64]]
    mass_losses: list[NDArray[np.float64]]


class _Scan(NamedTuple):
    """What is known of a calibration scan: what each of its pixels and objects needs."""

    snr_db: float
    misfit: float
    pixels: NDArray[np.float64]
    masses: NDArray[np.float64]


@torch.no_grad()
def calibrate(
    cascade: TrainedCascade,
    num_scans: int,
    risk: float,
    failure: float,
    batch_size: int,
    advance: Callable[[int], None],
) -> Calibration:
    """Returns the guarantee of a cascade's intervals, from scans as its training had them.

    Scans have phantoms, noise and scanners as those of the training, of a stream of their own.
    They are grouped by the noise that is estimated from each, in ranges of about 5 dB.

    Args:
        cascade: The cascade.
        num_scans: Scans for each group, in the mean.
        risk: The share of pixels, and of objects, that may be missed, between 0 and 1.
        failure: The chance that more are, between 0 and 1.
        batch_size: Scans at a time.
        advance: Called with the number of scans that are done.

    Raises:
        InputError: If the cascade has no network of the uncertainty, or scans are too few.
    """
    if num_scans < least_scans(risk, failure):
        raise InputError(
            f"--num-scans is {num_scans}: to miss no more than {100 * risk:g} % with a chance of "
            f"{100 * (1 - failure):g} % takes {least_scans(risk, failure)} scans of each noise "
            "level at least, and some thousand to be tight"
        )
    edges = snr_edges(cascade)
    evidence = Evidence(cascade.experiment.forward_model)
    scans: list[_Scan] = []
    for sample in _samples(cascade, num_scans * (len(edges) - 1), batch_size, Stream.CALIBRATION):
        scans += _of_batch(cascade.cascade, evidence, sample)
        advance(len(sample.indices))
    groups, pixel_losses, mass_losses = [], [], []
    for lowest, highest in itertools.pairwise(edges):
        inside = [scan for scan in scans if lowest <= scan.snr_db < highest]
        if len(inside) < least_scans(risk, failure):
            raise InputError(
                f"{len(inside)} of {len(scans)} calibration scans have a peak SNR of {lowest:.3g} "
                f"… {highest:.3g} dB: the guarantee needs {least_scans(risk, failure)}, so give "
                "more with --num-scans"
            )
        pixel_losses.append(losses_at_factors([scan.pixels for scan in inside]))
        mass_losses.append(losses_at_factors([scan.masses for scan in inside]))
        misfits = [scan.misfit for scan in inside]
        groups.append(NoiseGroup(
            lowest, highest, len(inside),
            controlling_factor(pixel_losses[-1], risk, failure),
            controlling_factor(mass_losses[-1], risk, failure),
            float(np.quantile(misfits, _USUAL_SHARE)),
        ))  # fmt: skip
    texts = guarantee_texts(cascade)
    guarantee = Guarantee(risk=risk, failure=failure, groups=tuple(groups), **texts)
    return Calibration(guarantee, pixel_losses, mass_losses)


def snr_edges(cascade: TrainedCascade) -> Sequence[float]:
    """Returns where the ranges of the estimated peak SNR begin and end, in dB, ascending.

    Args:
        cascade: The cascade, whose training says what SNRs it had.
    """
    usual = cascade.experiment.peak_snr_db
    low, high = cascade.configuration.get("data", {}).get("training_snr_db") or (usual, usual)
    num = max(1, math.ceil((high - low) / _WIDTH_DB))
    inner = np.linspace(low, high, num + 1)[1:-1].tolist()
    error = standard_error(cascade.experiment.forward_model)
    margin_db = max(_LEAST_MARGIN_DB, 20 * math.log10(1 + _NUM_ERRORS * error))
    return [low - margin_db, *inner, high + margin_db]


def calibration_like(cascade: TrainedCascade, num: int, batch_size: int) -> Iterator[Sample]:
    """Yields scans from where those of a calibration come from, but others, batch by batch.

    Args:
        cascade: The cascade, whose training says what scans it had.
        num: How many.
        batch_size: Scans at a time.
    """
    return _samples(cascade, num, batch_size, Stream.COVERAGE)


def _samples(cascade: TrainedCascade, num: int, batch_size: int, stream: int) -> Iterator[Sample]:
    simulator, mixture = cascade.scans_like_training(), cascade.experiment.mixture
    for indices in torch.arange(num, device=cascade.device).split(batch_size):
        yield simulator.scan(mixture, RandomStreams(_SEED, stream, indices))


def _of_batch(cascade: Cascade, evidence: Evidence, sample: Sample) -> list[_Scan]:
    images = cascade(sample.signal)
    raw = cascade.interval(images, sample.signal)
    fit = evidence.fit(sample.signal, images.final)
    pixels = pixel_factors_needed(images.final, raw, sample.concentration)
    masses = mass_factors_needed(images.final, raw, sample.concentration)
    fits = fit.peak_snr_db.tolist(), fit.residual_to_noise.tolist()
    each = zip(*fits, pixels, masses, strict=True)
    return [_Scan(*values) for values in each]
