"""Pairs of peaks of an image, found or given, and what the scan says of each."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.checks import InputError
from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.physics.resolution import length_scale
from mpi_cascade.reconstruction.pair_test import Verdict, pair_verdict
from mpi_cascade.reconstruction.peaks import Peak, peaks, region_of
from mpi_cascade.reconstruction.window import Window

MOST_PAIRS = 3
"""Pairs of an image that are found, the closest ones."""

_REACH_M = 1.2e-3
_FARTHEST_M = 1.5e-3
"""On the ``reference`` scanner: how far an object goes from its peak, and how far peaks are apart
that may be one object's."""

Point = tuple[float, float]


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

    def peaks(self, image: Float[Tensor, "ny nx"], noise: float) -> list[Peak]:
        """Returns the peaks of an image that its scan can support; none of a line or without σ.

        Args:
            image: The image, (y, x).
            noise: σ of its scan.
        """
        if image.shape[0] == 1 or not noise > 0:
            return []
        return peaks(image, self._forward_model, noise)

    def found(self, of_image: Sequence[Peak]) -> list[tuple[Point, Point]]:
        """Returns pairs of peaks that lie close enough to be one object's, the closest first.

        Args:
            of_image: The peaks of an image.
        """
        places = [(peak.x_m, peak.y_m) for peak in of_image]
        near = [pair for pair in combinations(places, 2) if _distance_m(*pair) <= self._farthest_m]
        return sorted(near, key=lambda pair: _distance_m(*pair))

    def __call__(
        self,
        signal: Float[Tensor, "c my mx"],
        image: Float[Tensor, "ny nx"],
        noise: float,
        points_m: tuple[Point, Point],
        of_image: Sequence[Peak] = (),
    ) -> Pair:
        """Returns what a scan says of a pair.

        Args:
            signal: The scan, (channel, y, x).
            image: Its image, (y, x).
            noise: σ of the scan, > 0.
            points_m: Where both are, (x, y) in m each.
            of_image: The peaks of the image: what belongs to others of them stays as it is.

        Raises:
            InputError: If a point lies outside of the field of view, both are the same, the image
                is a line, or σ is not known.
        """
        self.check(points_m)
        if not noise > 0:
            raise InputError(
                "the noise of the scan is not known, so nothing says how sure a pair is: give a "
                "scan of 16 FFP positions or more, with noise"
            )
        points = torch.tensor(points_m)
        places = torch.tensor([(peak.x_m, peak.y_m) for peak in of_image]).reshape(-1, 2)
        size_m = self._forward_model.scanner.field_of_view_m
        pixel_m = max(n / m for n, m in zip(size_m, image.shape, strict=True))
        is_other = (places[:, None] - points).norm(dim=-1).amin(dim=1) > pixel_m
        signal, image = signal.detach().cpu(), image.detach().cpu()
        region = region_of(image, points, places[is_other], size_m, self._reach_m)
        with torch.no_grad():
            window = Window(self._forward_model, signal, image, region, noise)
        return Pair(*points_m, pair_verdict(window, points))

    def check(self, points_m: Sequence[Point]) -> None:
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
        if len(set(points_m)) < len(points_m):
            x_m, y_m = points_m[0]
            raise InputError(
                f"both points of the pair are ({1e3 * x_m:g}, {1e3 * y_m:g}) mm: give the places "
                "of two peaks"
            )


def _distance_m(first: Point, second: Point) -> float:
    return float(torch.dist(torch.tensor(first), torch.tensor(second)))
