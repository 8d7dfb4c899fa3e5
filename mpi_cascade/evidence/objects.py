"""Two discs, or one single object, as few numbers: what a pair test compares.

Lengths are in m; a batch of objects is drawn on the pixels of a window at once.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

Numbers = Float[Tensor, "batch numbers"]
"""The numbers of each object of a batch."""

_SUBSAMPLES = 2
_NARROWEST_NECK = 0.6
_WIDEST_BELLY = 2.0
_MOST_TAPER = 0.5
_MOST_BOW = 0.6


class Pixels:
    """The pixels of a window, on which objects are drawn.

    Args:
        y_m: Centres of its rows in m, (rows,).
        x_m: Centres of its columns in m, (columns,).
        pixel_m: Size (y, x) of a pixel in m.
    """

    def __init__(
        self, y_m: Float[Tensor, " rows"], x_m: Float[Tensor, " columns"],
        pixel_m: tuple[float, float],
    ) -> None:  # fmt: skip
        self.pixel_m = pixel_m
        steps = (torch.arange(_SUBSAMPLES) + 0.5) / _SUBSAMPLES - 0.5
        shape = (_SUBSAMPLES, _SUBSAMPLES, len(y_m), len(x_m))
        y = y_m[:, None] + pixel_m[0] * steps[:, None, None, None]
        x = x_m + pixel_m[1] * steps[:, None, None]
        self.y, self.x = y.expand(shape).flatten(), x.expand(shape).flatten()
        self.edge_m = (pixel_m[0] * pixel_m[1]) ** 0.5 / _SUBSAMPLES

    def covered(self, distance_m: Float[Tensor, "batch points"]) -> Float[Tensor, "batch pixels"]:
        """Returns the covered share of each pixel.

        Args:
            distance_m: Distance of each of its points to an object's edge in m, negative inside.
        """
        share = (0.5 - distance_m / self.edge_m).clamp(0, 1)
        # A mean over the first axis of them is much faster than over the last.
        first, *others = share.chunk(_SUBSAMPLES**2, dim=1)
        return sum(others, start=first) / _SUBSAMPLES**2


class Objects(ABC):
    """A family of objects of few numbers.

    Args:
        pixels: Where they are drawn.

    Attributes:
        amount: Which number is a concentration.
    """

    amount: int

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self._least_m = max(pixels.pixel_m)

    @abstractmethod
    def steps(self, concentration: float) -> Float[Tensor, " numbers"]:
        """Returns a small change of each number, for derivatives.

        Args:
            concentration: Concentration that is usual in the window.
        """

    @abstractmethod
    def allowed(self, numbers: Numbers) -> Numbers:
        """Returns the nearest numbers that are an object of the family."""

    @abstractmethod
    def draw(self, numbers: Numbers) -> Float[Tensor, "batch pixels"]:
        """Returns the concentration of each object on the pixels."""


class TwoDiscs(Objects):
    """Two discs that don't overlap: x, y, diameter and concentration of each."""

    amount = 3

    def steps(self, concentration: float) -> Float[Tensor, " numbers"]:
        """Returns a small change of each number, for derivatives."""
        step_m = 0.1 * self._least_m
        return torch.tensor([step_m, step_m, step_m, 0.01 * concentration] * 2)

    def allowed(self, numbers: Numbers) -> Numbers:
        """Returns discs no smaller than a pixel, of tracer, and with smaller radii if they met."""
        discs = numbers.reshape(-1, 2, 4)
        place = discs[..., :2]
        diameter = discs[..., 2].clamp_min(self._least_m)
        spacing = (place[:, 0] - place[:, 1]).norm(dim=1, keepdim=True)
        fitting = 2 * spacing / diameter.sum(dim=1, keepdim=True)
        diameter = diameter * fitting.clamp_max(1)
        amount = discs[..., 3].clamp_min(0)
        return torch.cat((place, diameter[..., None], amount[..., None]), dim=2).flatten(1)

    def draw(self, numbers: Numbers) -> Float[Tensor, "batch pixels"]:
        """Returns the concentration of both discs on the pixels."""
        x, y, diameter, amount = numbers.reshape(-1, 4, 1).unbind(1)
        # With a linear edge of this width, discs of exactly their area.
        radius = (0.25 * diameter.square() - self.pixels.edge_m**2 / 12).clamp_min(0).sqrt()
        distance = ((self.pixels.x - x).square() + (self.pixels.y - y).square()).sqrt() - radius
        discs = amount * self.pixels.covered(distance)
        return discs[::2] + discs[1::2]


class SingleObject(Objects):
    """One object along a bow: ends of its centre line (x, y, x, y), width, concentration, and form.

    Its form is three numbers: the height of the bow over the distance of its ends; the width in the
    middle over that at the ends, 0.6 for a dumb-bell with a neck to 2 for a belly; and how much
    wider the second end is than the first. Without them, at 0, 1 and 0, it is a capsule.
    """

    amount = 5

    def steps(self, concentration: float) -> Float[Tensor, " numbers"]:
        """Returns a small change of each number, for derivatives."""
        step_m = 0.1 * self._least_m
        return torch.tensor([step_m] * 5 + [0.01 * concentration, 0.02, 0.05, 0.05])

    def allowed(self, numbers: Numbers) -> Numbers:
        """Returns objects no narrower than a pixel, of tracer, with a form within its bounds."""
        ends, width, amount, bow, belly, taper = numbers.split((4, 1, 1, 1, 1, 1), dim=1)
        return torch.cat((
            ends, width.clamp_min(self._least_m), amount.clamp_min(0),
            bow.clamp(-_MOST_BOW, _MOST_BOW), belly.clamp(_NARROWEST_NECK, _WIDEST_BELLY),
            taper.clamp(-_MOST_TAPER, _MOST_TAPER),
        ), dim=1)  # fmt: skip

    def draw(self, numbers: Numbers) -> Float[Tensor, "batch pixels"]:
        """Returns the concentration of each object on the pixels."""
        x0, y0, x1, y1, width, amount, bow, belly, taper = numbers[..., None].unbind(1)
        length = ((x1 - x0).square() + (y1 - y0).square()).sqrt().clamp_min(1e-3 * self._least_m)
        axis_x, axis_y = (x1 - x0) / length, (y1 - y0) / length
        offset_x, offset_y = self.pixels.x - 0.5 * (x0 + x1), self.pixels.y - 0.5 * (y0 + y1)
        along = offset_x * axis_x + offset_y * axis_y
        across = offset_y * axis_x - offset_x * axis_y
        place = (2 * along / length).clamp(-1, 1)
        square = 1 - place.square()
        # Of a bow, what lies across its slope is nearer than it is along y.
        slope = -4 * bow * place
        level = (across - bow * length * (square - 0.5)) / (1 + slope.square()).sqrt()
        radius = 0.5 * width * (1 + (belly - 1) * square) * (1 + 0.5 * taper * place)
        beyond = (along.abs() - 0.5 * length).clamp_min(0)
        distance = (beyond.square() + level.square()).sqrt() - radius
        return amount * self.pixels.covered(distance)


class Capsule(SingleObject):
    """One straight object of one width with round ends: a ``SingleObject`` without any form."""

    def steps(self, concentration: float) -> Float[Tensor, " numbers"]:
        """Returns a small change of each number, for derivatives."""
        return super().steps(concentration)[:6]

    def allowed(self, numbers: Numbers) -> Numbers:
        """Returns capsules no narrower than a pixel, of tracer."""
        return super().allowed(self.formed(numbers))[:, :6]

    def draw(self, numbers: Numbers) -> Float[Tensor, "batch pixels"]:
        """Returns the concentration of each capsule on the pixels."""
        return super().draw(self.formed(numbers))

    @staticmethod
    def formed(numbers: Numbers) -> Float[Tensor, "batch 9"]:
        """Returns capsules as numbers of a ``SingleObject``."""
        return torch.cat((numbers, numbers.new_tensor((0.0, 1.0, 0.0)).expand(len(numbers), -1)), 1)
