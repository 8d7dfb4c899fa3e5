"""The objects of an image, and how much tracer each of them holds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

_IN_OBJECT = 0.1
"""Of the image's largest concentration: what is less belongs to no object of its own."""

_REACH_PIXELS = 3.0
"""How far around an object its blurred tracer is looked for."""

Places = NDArray[np.int64]


class TracerObject(NamedTuple):
    """An object of an image.

    Attributes:
        x_m: Where its centre of mass is along x, in m.
        y_m: Where it is along y, in m.
        mass_m2: Its tracer: concentration times area, in m².
        spread_m2: The sum of the half widths of its pixels' intervals, times their area, in m².
    """

    x_m: float
    y_m: float
    mass_m2: float
    spread_m2: float


def regions(image: Float[Tensor, "ny nx"]) -> tuple[Places, int]:
    """Returns the number of the object that each pixel belongs to, from 1, and how many there are.

    Objects are what hangs together at a tenth of the largest concentration, with all within three
    pixels that is nearer to them than to another. 0 is no object.

    Args:
        image: The image, (y, x).
    """
    values = image.numpy(force=True)
    highest = values.max()
    labels, num = ndimage.label((values > _IN_OBJECT * highest) & (highest > 0), np.ones((3, 3)))
    if not num:
        return labels.astype(np.int64), 0
    distance, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    around = np.where(distance <= _REACH_PIXELS, labels[tuple(nearest)], 0)
    return around.astype(np.int64), int(num)


def sums(values: Float[Tensor, "ny nx"], places: Places, num: int) -> NDArray[np.float64]:
    """Returns the sum of an image's pixels over each region.

    Args:
        values: The image, (y, x).
        places: The regions, from 1.
        num: How many there are.
    """
    weights = values.numpy(force=True).astype(np.float64).ravel()
    found = np.bincount(places.ravel(), weights, minlength=num + 1)[1:].astype(np.float64)
    return found


def objects(
    image: Float[Tensor, "ny nx"],
    half_width: Float[Tensor, "ny nx"],
    field_of_view_m: tuple[float, float],
) -> Sequence[TracerObject]:
    """Returns the objects of an image, the one with most tracer first.

    Args:
        image: The image, (y, x).
        half_width: Half of the width of each pixel's interval.
        field_of_view_m: Size (y, x) in m.
    """
    places, num = regions(image)
    pixel_m = [size / n for size, n in zip(field_of_view_m, image.shape, strict=True)]
    area_m2 = pixel_m[0] * pixel_m[1]
    masses, spreads = sums(image, places, num), sums(half_width, places, num)
    positive = image.clamp_min(0).numpy(force=True)
    centres = ndimage.center_of_mass(positive, places, range(1, num + 1))
    found = [
        TracerObject(
            (column + 0.5) * pixel_m[1] - field_of_view_m[1] / 2,
            (row + 0.5) * pixel_m[0] - field_of_view_m[0] / 2,
            area_m2 * float(mass), area_m2 * float(spread),
        )
        for (row, column), mass, spread in zip(centres, masses, spreads, strict=True)
    ]  # fmt: skip
    return sorted(found, key=lambda one: -one.mass_m2)
