"""What noise allows on each two-point set, gap by gap, and what that demands of any method."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from mpi_cascade.evaluation.detectability import amplitude_ratio, outline_detectability
from mpi_cascade.evaluation.least_favourable import (
    central_pairs,
    fine_model,
    has_one_capsule,
    least_favourable_capsules,
)
from mpi_cascade.evaluation.operating_points import least_splits
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.scanner import Scanner

_LEVEL = 0.95
# Each takes 9 searches a gap and diameter.
_MOST_UNKNOWN_GAPS = 6


class Limit(NamedTuple):
    """What an ideal observer can tell at one gap; of several diameters, the easiest.

    Attributes:
        set_name: The two-point set.
        gap_mm: The gap in mm.
        d_prime: d′ between the pair and the single capsule most like it, of any length, width and
            concentration.
        outline_d_prime: d′ between the pair and the capsule of its outline.
        least_splits: The least share of those capsules that any method splits which resolves 95 %
            of the pairs.
        off_percent: How far gradient and core diameter of the capsule's scanner may be off in %.
        off_d_prime: d′ where they may be; NaN where that wasn't computed.
        off_least_splits: The least share of capsules split then.
    """

    set_name: str
    gap_mm: float
    d_prime: float
    outline_d_prime: float
    least_splits: float
    off_percent: float
    off_d_prime: float
    off_least_splits: float


def limits(
    parts: Sequence[EvaluationSet], scanner: Scanner, off_percent: float = 5.0
) -> list[Limit]:
    """Returns the limits of the two-point sets whose pairs are equal and have one direction.

    Args:
        parts: Two-point sets; of those on a scanner that is off there is no limit.
        scanner: The scanner.
        off_percent: How far gradient and core diameter may be off, in %, where the scanner isn't
            known; that is computed of the first set of no more than six gaps.
    """
    found: list[Limit] = []
    for part in parts:
        scene = part.scene
        if not has_one_capsule(scene) or part.true_scanner:
            continue
        snr = amplitude_ratio(part.peak_snr_db)
        known = _easiest(least_favourable_capsules(scanner, scene).d_prime, scene) * snr
        outline = _easiest(
            outline_detectability(fine_model(scanner), central_pairs(scene), part.peak_snr_db),
            scene,
        )
        off = [math.nan] * len(scene.gaps_mm)
        is_first = all(math.isnan(limit.off_d_prime) for limit in found)
        if is_first and len(scene.gaps_mm) <= _MOST_UNKNOWN_GAPS:
            capsules = least_favourable_capsules(scanner, scene, off_percent)
            off = (_easiest(capsules.d_prime, scene) * snr).tolist()
        for gap_mm, d_prime, of_outline, off_d_prime in zip(
            scene.gaps_mm, known.tolist(), outline.tolist(), off, strict=True
        ):
            found.append(
                Limit(
                    part.name, gap_mm, d_prime, of_outline, least_splits(_LEVEL, d_prime),
                    off_percent, off_d_prime, least_splits(_LEVEL, off_d_prime),
                )
            )  # fmt: skip
    return found


def _easiest(d_prime: Tensor, scene: TwoPoints) -> Tensor:
    """Returns the largest d′ of each gap.

    The bound on splits is convex in the share resolved: taken at the largest d′ it holds for a
    mixture of diameters, whichever of them a method resolves.
    """
    return d_prime.reshape(len(scene.gaps_mm), -1).amax(dim=1)
