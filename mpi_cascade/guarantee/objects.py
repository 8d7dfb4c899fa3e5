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


class ObjectMass(NamedTuple):
    """How much tracer an object holds.

    Attributes:
        x_m: Where its centre of mass is along x, in m.
        y_m: Where it is along y, in m.
        mass_m2: Concentration times area, in m².
        lowest_m2: Lower end of its interval, ≥ 0.
        highest_m2: Upper end of its interval.
    """

    x_m: float
    y_m: float
    mass_m2: float
    lowest_m2: float
    highest_m2: float


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
    factor: float,
    field_of_view_m: tuple[float, float],
) -> Sequence[ObjectMass]:
    """Returns the objects of an image, the one with most tracer first.

    Args:
        image: The image, (y, x).
        half_width: Half of the width of each pixel's interval.
        factor: What multiplies its sum over an object, times the area: half of the mass's interval.
        field_of_view_m: Size (y, x) in m.
    """
    places, num = regions(image)
    pixel_m = [size / n for size, n in zip(field_of_view_m, image.shape, strict=True)]
    area_m2 = pixel_m[0] * pixel_m[1]
    masses, spreads = sums(image, places, num), sums(half_width, places, num)
    positive = image.clamp_min(0).numpy(force=True)
    centres = ndimage.center_of_mass(positive, places, range(1, num + 1))
    found = []
    for (row, column), mass, spread in zip(centres, masses, spreads, strict=True):
        x_m = (column + 0.5) * pixel_m[1] - field_of_view_m[1] / 2
        y_m = (row + 0.5) * pixel_m[0] - field_of_view_m[0] / 2
        mass_m2 = area_m2 * float(mass)
        reach_m2 = factor * (area_m2 * float(spread))
        found.append(
            ObjectMass(x_m, y_m, mass_m2, max(0.0, mass_m2 - reach_m2), mass_m2 + reach_m2)
        )
    return sorted(found, key=lambda one: -one.mass_m2)
