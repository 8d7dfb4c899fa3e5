"""The limit of detection: how little tracer a method detects, beside the ideal observer.

A method detects a disc where its image shows more tracer there, on the mean over the disc, than in
all but 1 % of the places of scans without tracer. The mean over the disc has nothing to choose: of
Sᵀu it is the matched filter of the ideal observer, who knows the disc and its place.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import ndtr
from torch import Tensor

from mpi_cascade.evaluation.confidence import LEVEL, wilson_interval
from mpi_cascade.evaluation.detection_scans import (
    IDEAL_D_PRIME,
    STEPS,
    DetectionScans,
    LookedAt,
)
from mpi_cascade.evaluation.methods import Method
from mpi_cascade.evaluation.operating_points import exceeded_by
from mpi_cascade.evaluation.table import MethodKey

IDEAL = "ideal observer"
"""Label of the observer who knows the disc and its place."""

_NUM_RESAMPLES = 1000
_MM2_PER_M2 = 1e6


class DetectionLimit(NamedTuple):
    """The mass that a method detects in half of the scans, with 1 % false alarms.

    Attributes:
        label: The method's name.
        number: Number of the training among those of its label.
        image: ``final`` or ``preliminary``; empty for the ideal observer.
        mass_mm2: The mass ∫ c dr in mm²; NaN where no mass that was tried is detected so often.
        low_mm2: Lower end of its 95 % interval.
        high_mm2: Upper end; NaN where it lies beyond the masses that were tried.
        concentration: Concentration of the disc that holds this mass.
        times_ideal: The mass over that of the ideal observer.
        threshold: Mean concentration over the disc from which it counts as detected.
    """

    label: str
    number: int
    image: str
    mass_mm2: float
    low_mm2: float
    high_mm2: float
    concentration: float
    times_ideal: float
    threshold: float


class DetectedShare(NamedTuple):
    """How many discs of one mass a method detects, with 1 % false alarms.

    Attributes:
        label: The method's name.
        number: Number of the training among those of its label.
        image: ``final`` or ``preliminary``; empty for the ideal observer.
        mass_mm2: The mass ∫ c dr in mm².
        share: Share of the discs that are detected.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    label: str
    number: int
    image: str
    mass_mm2: float
    share: float
    low: float
    high: float


class Detection(NamedTuple):
    """How little tracer methods detect.

    Attributes:
        limits: The ideal observer's limit, then those of all methods.
        shares: The shares that they follow from.
    """

    limits: Sequence[DetectionLimit] = ()
    shares: Sequence[DetectedShare] = ()


@torch.no_grad()
def detection(
    methods: Sequence[Method],
    scans: DetectionScans,
    advance: Callable[[int], None],
    batch_size: int,
) -> Detection:
    """Returns how little tracer methods detect; all of them are given the same scans.

    Classical methods are set for the peak SNR that noise alone seems to have: a scan of little
    tracer looks no better.

    Args:
        methods: The methods.
        scans: The scans.
        advance: Called with the number of images after each batch of each method.
        batch_size: Scans in a batch.
    """
    methods = [method.at(scans.noise_snr_db) for method in methods]
    nulls = _seen(methods, scans.without_tracer(batch_size), advance)
    discs = _seen(methods, scans.with_discs(batch_size), advance)
    ideal_mm2 = _MM2_PER_M2 * scans.disc_mass_m2 * scans.ideal_concentration
    limits = [
        DetectionLimit(
            IDEAL, 0, "", ideal_mm2, ideal_mm2, ideal_mm2, scans.ideal_concentration, 1.0, math.nan
        )
    ]
    shares = [
        DetectedShare(IDEAL, 0, "", step * ideal_mm2, *(ideal_share(step),) * 3) for step in STEPS
    ]
    for key, of_nulls in nulls.items():
        of_discs = discs[key].reshape(len(STEPS), -1)
        threshold = exceeded_by(of_nulls)
        for step, of_mass in zip(STEPS, of_discs, strict=True):
            interval = wilson_interval(of_mass > threshold)
            shares.append(DetectedShare(*key, step * ideal_mm2, *interval))
        middle, low, high = detected_step(of_nulls, of_discs)
        limits.append(
            DetectionLimit(
                *key, middle * ideal_mm2, low * ideal_mm2, high * ideal_mm2,
                middle * scans.ideal_concentration, middle, threshold,
            )
        )  # fmt: skip
    return Detection(limits, shares)


def ideal_share(step: float) -> float:
    """Returns the share of discs that the ideal observer detects, Φ(d′ − Φ⁻¹(0.99)).

    Args:
        step: Their mass over the observer's limit.
    """
    return float(ndtr(IDEAL_D_PRIME * (step - 1)))


def detected_step(
    nulls: NDArray[np.float64], discs: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Returns the mass that is detected in half of the scans, with its 95 % bootstrap interval.

    Between the masses, the logarithm of the mass is interpolated over the shares, made monotone.
    Scans without tracer, whose places share their noise, and discs are drawn anew.

    Args:
        nulls: What is seen at the places without tracer, (scan, place).
        discs: What is seen of the discs, (mass, case), the masses those of ``STEPS``.

    Returns:
        The mass and both ends, over the ideal observer's limit. NaN is what lies beyond the masses;
        what lies below them is the smallest.
    """
    middle = _half_detected((discs > exceeded_by(nulls)).mean(axis=1))
    if math.isinf(middle):
        return math.nan, math.nan, math.nan
    draws = np.random.default_rng(0)
    num_scans, num_cases = len(nulls), discs.shape[1]
    found = []
    for _ in range(_NUM_RESAMPLES):
        threshold = exceeded_by(nulls[draws.integers(num_scans, size=num_scans)])
        chosen = draws.integers(num_cases, size=discs.shape)
        detected = np.take_along_axis(discs, chosen, axis=1) > threshold
        found.append(_half_detected(detected.mean(axis=1)))
    tail = 0.5 * (1 - LEVEL)
    low, high = np.quantile(found, (tail, 1 - tail), method="closest_observation").tolist()
    return middle, low, high if math.isfinite(high) else math.nan


def _half_detected(shares: NDArray[np.float64]) -> float:
    """Returns the mass over the ideal observer's limit at a share of a half; ∞ if none has it."""
    rising = isotonic_regression(shares).x
    first = int(np.searchsorted(rising, 0.5))
    if first == len(rising):
        return math.inf
    if first == 0:
        return STEPS[0]
    between = (0.5 - rising[first - 1]) / (rising[first] - rising[first - 1])
    return float(STEPS[first - 1] * (STEPS[first] / STEPS[first - 1]) ** between)


def _seen(
    methods: Sequence[Method], batches: Iterable[LookedAt], advance: Callable[[int], None]
) -> dict[MethodKey, NDArray[np.float64]]:
    """Returns the mean concentration over each disc's place, (scan, place), image by image."""
    means: dict[MethodKey, list[Tensor]] = {}
    for signal, windows in batches:
        covered = windows.sum(dim=(2, 3))
        for method in methods:
            for name, image in method.images(signal).items():
                mean = torch.einsum("byx,bpyx->bp", image[:, 0], windows) / covered
                means.setdefault(MethodKey(*method[:2], name), []).append(mean.cpu())
            advance(len(signal))
    return {key: torch.cat(parts).double().numpy() for key, parts in means.items()}
