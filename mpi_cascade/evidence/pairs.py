"""Pairs of peaks of an image, found or given, and what the scan says of each."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.evidence.pair_test import Verdict, pair_verdict
from mpi_cascade.evidence.peaks import Point, peaks, region_of
from mpi_cascade.evidence.window import Window
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.physics.resolution import length_scale

MOST_PAIRS = 3
"""Pairs of an image that are found, the closest ones."""

_REACH_M = 1.2e-3
_FARTHEST_M = 1.5e-3
"""On the ``reference`` scanner: how far an object goes from its peak, and how far peaks are apart
that may be one object's."""

Points = tuple[Point, Point]


class Wanted(NamedTuple):
    """A pair to test.

    Attributes:
        points_m: Where both are, (x, y) in m each.
        others_m: Other peaks, (x, y) in m each: what belongs to them stays as the image has it.
    """

    points_m: Points
    others_m: Sequence[Point]


class Pair(NamedTuple):
    """Two places of an image, and what the scan says of two objects there.

    Attributes:
        first_m: The first place (x, y) in m.
        second_m: The second place (x, y) in m.
        verdict: What the scan says.
    """

    first_m: Point
    second_m: Point
    verdict: Verdict


class PairTest:
    """Asks scans whether pairs of their images are two objects, or could be one.

    Args:
        forward_model: S.
    """

    def __init__(self, forward_model: LinearModel) -> None:
        self._forward_model = forward_model
        scale = length_scale(forward_model.scanner, forward_model.image_shape)
        self._reach_m, self._farthest_m = scale * _REACH_M, scale * _FARTHEST_M

    def wanted(
        self, image: Float[Tensor, "ny nx"], noise: float, points_m: Points | None = None
    ) -> list[Wanted]:
        """Returns the pairs of an image to test.

        They are the three closest ones of peaks that its scan supports and one object may span, or
        what is given. A line has none, nor has a scan whose σ is not known.

        Args:
            image: The image, (y, x).
            noise: σ of its scan.
            points_m: The pair that is given, (x, y) in m each.
        """
        if image.shape[0] == 1 or not noise > 0:
            return []
        places = peaks(image, self._forward_model, noise)
        if points_m:
            # A peak between the points may be that of an object on which they are.
            reach_m = math.dist(*points_m)
            others = [
                place for place in places
                if min(math.dist(place, point) for point in points_m) > reach_m
            ]  # fmt: skip
            return [Wanted(points_m, others)]
        near = sorted(combinations(places, 2), key=lambda pair: math.dist(*pair))
        return [
            Wanted(pair, [place for place in places if place not in pair])
            for pair in near[:MOST_PAIRS]
            if math.dist(*pair) <= self._farthest_m
        ]

    def __call__(
        self,
        signal: Float[Tensor, "c my mx"],
        image: Float[Tensor, "ny nx"],
        noise: float,
        wanted: Wanted,
    ) -> Pair:
        """Returns what a scan says of a pair.

        Args:
            signal: The scan, (channel, y, x).
            image: Its image, (y, x).
            noise: σ of the scan, > 0.
            wanted: The pair.
        """
        points = torch.tensor(wanted.points_m)
        others = torch.tensor(wanted.others_m).reshape(-1, 2)
        size_m = self._forward_model.scanner.field_of_view_m
        signal, image = signal.detach().cpu(), image.detach().cpu()
        region = region_of(image, points, others, size_m, self._reach_m)
        with torch.no_grad():
            window = Window(self._forward_model, signal, image, region, noise)
        return Pair(*wanted.points_m, pair_verdict(window, points))

    def check(self, points_m: Points) -> None:
        """Raises an InputError if two points are no pair in the field of view.

        Args:
            points_m: Both, (x, y) in m each.
        """
        size_y_m, size_x_m = self._forward_model.scanner.field_of_view_m
        if self._forward_model.image_shape[0] == 1:
            raise InputError("images of one line show no discs: pairs are tested in planes only")
        for x_m, y_m in points_m:
            if not (abs(x_m) <= size_x_m / 2 and abs(y_m) <= size_y_m / 2):
                raise InputError(
                    f"the point ({1e3 * x_m:g}, {1e3 * y_m:g}) mm lies outside of the field of "
                    f"view, {1e3 * size_x_m:g} × {1e3 * size_y_m:g} mm around 0: give points inside"
                )
        if points_m[0] == points_m[1]:
            x_m, y_m = points_m[0]
            raise InputError(
                f"both points of the pair are ({1e3 * x_m:g}, {1e3 * y_m:g}) mm: give the places "
                "of two peaks"
            )
