"""The single capsules that a scanner can tell least from pairs of discs, as phantoms."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeGuard

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import as_range
from mpi_cascade.devices import Table
from mpi_cascade.evaluation.detectability import Capsules, least_favourable, scaled_outlines
from mpi_cascade.phantoms.scenes import (
    Drawing,
    PairGeometry,
    Scene,
    TwoPoints,
    capsule_shapes,
)
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner, changed_scanner
from mpi_cascade.randomness import RandomStreams

_NUM_DIAMETERS = 4

# Fine enough for gaps of 0.05 mm; see ``detectability.least_favourable``.
_PIXEL_M = 2.5e-5
# In large fields of view the pixels are larger: more of them take minutes and many GB.
_MOST_PIXELS = 2048


@dataclass(frozen=True, kw_only=True)
class LeastFavourableCapsules(Scene):
    """For each pair of a two-point suite, the single capsule that is most like it.

    Length, width and concentration are those that ``least_favourable`` finds for a central pair; of
    diameters between those of ``central_pairs`` they are interpolated.

    Args:
        outlines: The suite, its pairs equal and of one direction.
        scanner: The scanner.
    """

    outlines: TwoPoints
    scanner: Scanner

    def check_fits(self, field_of_view_m: tuple[float, float]) -> None:
        """Raises an InputError if the longest pair doesn't fit the field of view."""
        self.outlines.check_fits(field_of_view_m)

    def draw(self, streams: RandomStreams, field_of_view_m: tuple[float, float]) -> Drawing:
        """Returns one capsule per sample, its concentration relative to that of its pair."""
        pairs = self.outlines.pairs(streams, field_of_view_m)
        gap = streams.indices // self.outlines.cases_per_gap
        length, width, held = (
            self._at(values, gap, pairs.diameter_m) for values in self._fits.on(gap.device)
        )
        shapes = capsule_shapes(
            scaled_outlines(pairs, length, width),
            self.outlines.concentrations(streams)[:, 0] * held / width,
        )
        return Drawing(shapes, pairs)

    @cached_property
    def _fits(self) -> Table:
        """Length, width and tracer per length of the central pairs' capsules."""
        fits = least_favourable_capsules(self.scanner, self.outlines)
        # A thin capsule of much tracer is like a wider one of less: what changes smoothly with the
        # diameter is what a length of it holds.
        columns = torch.stack((fits.length, fits.width, fits.width * fits.concentration))
        return Table(columns.float().unflatten(1, (len(self.outlines.gaps_mm), -1)))

    def _at(
        self,
        values: Float[Tensor, "gaps diameters"],
        gap: Tensor,
        diameter_m: Float[Tensor, " batch"],
    ) -> Float[Tensor, " batch"]:
        """Returns values at the gaps' numbers and between the diameters."""
        of_gap = values[gap]
        smallest, largest = as_range(self.outlines.diameter_mm)
        if smallest == largest:
            return of_gap[:, 0]
        place = (1e3 * diameter_m - smallest) / (largest - smallest) * (_NUM_DIAMETERS - 1)
        lower = place.floor().clamp(0, _NUM_DIAMETERS - 2)
        below, above = (of_gap.gather(1, (lower.long() + step)[:, None])[:, 0] for step in (0, 1))
        return torch.lerp(below, above, place - lower)


def central_pairs(scene: TwoPoints) -> PairGeometry:
    """Returns pairs in the middle of the field of view, of every gap and a few diameters.

    Args:
        scene: A two-point suite of one direction.

    Returns:
        The pairs, (gaps · diameters,), those of one gap together, from the smallest diameter of the
        suite to the largest.
    """
    smallest, largest = as_range(scene.diameter_mm)
    num = 1 if smallest == largest else _NUM_DIAMETERS
    gap_m = 1e-3 * torch.tensor(scene.gaps_mm).repeat_interleave(num)
    diameter_m = 1e-3 * torch.linspace(smallest, largest, num).repeat(len(scene.gaps_mm))
    angle = torch.deg2rad(torch.tensor(scene.angles_deg[0]))
    direction = torch.stack((torch.cos(angle), torch.sin(angle)))
    return PairGeometry(
        centre_m=torch.zeros(len(gap_m), 2),
        direction=direction.expand(len(gap_m), 2),
        diameter_m=diameter_m,
        gap_m=gap_m,
    )


def has_one_capsule(scene: Scene) -> TypeGuard[TwoPoints]:
    """Returns whether pairs are equal and of one direction, so that one capsule is most like each.

    Args:
        scene: The scene.
    """
    if not isinstance(scene, TwoPoints):
        return False
    first_deg, last_deg = scene.angles_deg
    return first_deg == last_deg and as_range(scene.second_concentration) == (1, 1)


def least_favourable_capsules(
    scanner: Scanner, scene: TwoPoints, off_percent: float = 0.0
) -> Capsules:
    """Returns the capsules most like the central pairs of a suite.

    Args:
        scanner: The scanner.
        scene: The suite.
        off_percent: The capsules' scanner may have gradients and a core diameter that are this
            much higher or lower, whichever is most like the pair: an observer who doesn't know the
            scanner any better can't tell a pair from those either.
    """
    # Suites that differ in number and concentration of the pairs alone share one search.
    alike = TwoPoints(
        gaps_mm=scene.gaps_mm, diameter_mm=scene.diameter_mm, angles_deg=scene.angles_deg
    )
    return _found(scanner, alike, off_percent)


@lru_cache(maxsize=64)
def _found(scanner: Scanner, scene: TwoPoints, off_percent: float) -> Capsules:
    pairs = central_pairs(scene)
    found = [
        torch.stack(least_favourable(fine_model(scanner), pairs, fine_model(null)))
        for null in _scanners_near(scanner, off_percent)
    ]
    columns = torch.stack(found)
    best = columns[:, 0].argmin(dim=0)
    return Capsules(*columns[best, :, torch.arange(len(pairs.gap_m))].T)


def _scanners_near(scanner: Scanner, off_percent: float) -> list[Scanner]:
    factors = sorted({1 + sign * off_percent / 100 for sign in (-1, 0, 1)})
    return [
        changed_scanner(
            scanner,
            {
                "gradient_x_t_per_m": gradient * scanner.gradient_x_t_per_m,
                "gradient_y_t_per_m": gradient * scanner.gradient_y_t_per_m,
                "particle": {"core_diameter_m": core * scanner.particle.core_diameter_m},
            },
        )
        for gradient in factors
        for core in factors
    ]


@lru_cache(maxsize=9)
def fine_model(scanner: Scanner) -> ForwardModel:
    """Returns the model of a scanner on a fine grid, on a CPU; it is made once.

    Args:
        scanner: The scanner.
    """
    return ForwardModel(scanner, fine_shape(scanner))


def fine_shape(scanner: Scanner) -> tuple[int, int]:
    """Returns pixels (y, x) of a fine grid: multiples of the FFP positions, with small lattices.

    Args:
        scanner: The scanner.
    """
    num_y, num_x = (
        num * max(1, min(math.ceil(size_m / (num * _PIXEL_M) - 1e-6), _MOST_PIXELS // num))
        for num, size_m in zip(scanner.ffp_shape, scanner.field_of_view_m, strict=True)
    )
    return num_y, num_x
