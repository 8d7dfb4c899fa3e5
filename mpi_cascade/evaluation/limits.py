"""What noise allows on each two-point set, gap by gap."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from mpi_cascade.checks import as_range
from mpi_cascade.evaluation.detectability import detectability, outline_detectability
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.phantoms.scenes import PairGeometry, TwoPoints
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

# Fine enough for gaps of 0.05 mm; see ``detectability``.
_PIXEL_M = 2.5e-5
# In large fields of view the pixels are larger: more of them take minutes and many GB.
_MOST_PIXELS = 2048


class Limit(NamedTuple):
    """What an ideal observer can tell at one gap.

    Attributes:
        set_name: The two-point set.
        gap_mm: The gap in mm.
        d_prime: d′ between the pair and the single capsule most like it, of any length, width and
            concentration.
        outline_d_prime: d′ between the pair and the capsule of its outline.
    """

    set_name: str
    gap_mm: float
    d_prime: float
    outline_d_prime: float


def limits(parts: Sequence[EvaluationSet], scanner: Scanner) -> list[Limit]:
    """Returns the limits of the two-point sets whose pairs are equal and have one direction.

    Args:
        parts: Two-point sets.
        scanner: The scanner.
    """
    model = ForwardModel(scanner, _fine_shape(scanner))
    found: list[Limit] = []
    for part in parts:
        scene = part.scene
        assert isinstance(scene, TwoPoints)
        first_deg, last_deg = scene.angles_deg
        if first_deg != last_deg or scene.second_concentration != 1:
            continue
        pairs = _central_pairs(scene)
        free = detectability(model, pairs, part.peak_snr_db).tolist()
        outline = outline_detectability(model, pairs, part.peak_snr_db).tolist()
        found += [
            Limit(part.name, *values) for values in zip(scene.gaps_mm, free, outline, strict=True)
        ]
    return found


def _fine_shape(scanner: Scanner) -> tuple[int, int]:
    """Returns pixels (y, x) of a fine grid: multiples of the FFP positions, with small lattices."""
    num_y, num_x = (
        num * max(1, min(math.ceil(size_m / (num * _PIXEL_M) - 1e-6), _MOST_PIXELS // num))
        for num, size_m in zip(scanner.ffp_shape, scanner.field_of_view_m, strict=True)
    )
    return num_y, num_x


def _central_pairs(scene: TwoPoints) -> PairGeometry:
    """Returns a pair of each gap in the middle of the field of view."""
    gap_m = 1e-3 * torch.tensor(scene.gaps_mm)
    angle = torch.deg2rad(torch.tensor(scene.angles_deg[0]))
    direction = torch.stack((torch.cos(angle), torch.sin(angle)))
    return PairGeometry(
        centre_m=torch.zeros(len(gap_m), 2),
        direction=direction.expand(len(gap_m), 2),
        diameter_m=torch.full_like(gap_m, 1e-3 * as_range(scene.diameter_mm)[1]),
        gap_m=gap_m,
    )
