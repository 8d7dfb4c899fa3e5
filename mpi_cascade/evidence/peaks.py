"""The peaks of an image: its local maxima that no ridge of nearly their height leads away from."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from mpi_cascade.physics.linear import LinearModel
from mpi_cascade.physics.scanner import cell_centres

MOST_PEAKS = 12
"""Peaks of an image that are looked at, the highest ones."""

_LEAST_HEIGHT = 0.1
_LEAST_DIP = 0.1
_LEAST_SIGNAL = 4.0
_IN_OBJECT = 0.05
_REACH_PIXELS = 2.0

Point = tuple[float, float]
"""A place (x, y) in m."""


def peaks(image: Float[Tensor, "ny nx"], forward_model: LinearModel, noise: float) -> list[Point]:
    """Returns the peaks that stand out in an image and in its scan, (x, y) in m, highest first.

    A peak is at least a tenth as high as the image's highest, every way to a higher one leads
    through a valley a tenth deep, and its own pixel with the eight around it makes a signal of 4σ
    in all. There are at most 12.

    Args:
        image: The image, (y, x).
        forward_model: S.
        noise: σ of the scan.
    """
    shape, size_m = forward_model.image_shape, forward_model.scanner.field_of_view_m
    places = _summits(image.numpy(force=True))[:MOST_PEAKS]
    if not places:
        return []
    tracer = image.new_zeros(len(places), 1, *shape)
    for one, (row, column) in zip(tracer[:, 0], places, strict=True):
        around = slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2)
        one[around] = image[around]
    with torch.no_grad():
        strength = forward_model(tracer.to(forward_model.device)).flatten(1).norm(dim=1).cpu()
    y_m, x_m = (cell_centres(n, size).tolist() for n, size in zip(shape, size_m, strict=True))
    is_strong = (strength >= _LEAST_SIGNAL * noise).tolist()
    found = zip(places, is_strong, strict=True)
    return [(x_m[column], y_m[row]) for (row, column), strong in found if strong]


def region_of(
    image: Float[Tensor, "ny nx"],
    points_m: Float[Tensor, "2 2"],
    others_m: Float[Tensor, "others 2"],
    field_of_view_m: tuple[float, float],
    reach_m: float,
) -> Bool[Tensor, "ny nx"]:
    """Returns the pixels of the objects at two points.

    They are those of more than a twentieth of the image's maximum that hang together with a point's
    and are nearer to the points than to any other peak; and those close by a point.

    Args:
        image: The image, (y, x).
        points_m: Two points (x, y) in m, inside of it.
        others_m: Other peaks (x, y) in m.
        field_of_view_m: Size (y, x) of the image in m.
        reach_m: How far from the points they may lie, in m.
    """
    num_y, num_x = image.shape
    pixel_m = field_of_view_m[0] / num_y, field_of_view_m[1] / num_x
    y_m, x_m = (
        cell_centres(n, size).float() for n, size in zip(image.shape, field_of_view_m, strict=True)
    )
    places = torch.stack(torch.meshgrid(x_m, y_m, indexing="xy"), dim=-1)
    own_m, other_m = ((places[:, :, None] - points).norm(dim=-1) for points in (points_m, others_m))
    near_m = own_m.amin(dim=-1)
    is_close = near_m <= _REACH_PIXELS * max(pixel_m)
    is_tracer = (image > _IN_OBJECT * image.max()) | is_close
    objects, _ = ndimage.label(is_tracer.numpy(force=True), np.ones((3, 3)))
    numbers = torch.from_numpy(objects)
    is_own = torch.isin(numbers, numbers[is_close]) & (near_m <= reach_m)
    if len(others_m):
        is_own &= near_m <= other_m.amin(dim=-1)
    return is_own | is_close


def _summits(image: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> list[tuple[int, int]]:
    """Returns the places (y, x) of the peaks, the highest first.

    From the highest pixel down, each joins the peaks that its neighbours belong to; where two meet,
    the lower one is kept only if it stands out enough above the place.
    """
    highest = float(image.max())
    rows, columns = np.nonzero(image > max(_LEAST_HEIGHT * highest, 0.0))
    order = np.argsort(-image[rows, columns], kind="stable")
    peak_of: dict[tuple[int, int], int] = {}
    joined: list[int] = []
    summits: list[tuple[int, int]] = []
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        steps = [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        meeting = sorted({_root(joined, peak_of[place]) for place in steps if place in peak_of})
        if not meeting:
            meeting = [len(summits)]
            summits.append((row, column))
            joined.append(meeting[0])
        first, *others = meeting
        for other in others:
            if image[row, column] > (1 - _LEAST_DIP) * image[summits[other]]:
                joined[other] = first
        peak_of[row, column] = first
    return [place for number, place in enumerate(summits) if joined[number] == number]


def _root(joined: list[int], number: int) -> int:
    while joined[number] != number:
        number = joined[number]
    return number
