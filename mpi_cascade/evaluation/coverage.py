"""What intervals would have to be to hold the truth, scan by scan."""

import numpy as np
import torch
from numpy.typing import NDArray

from mpi_cascade.guarantee.intervals import half_width
from mpi_cascade.guarantee.objects import regions, sums
from mpi_cascade.models.intervals import Interval
from mpi_cascade.physics.linear import Images
from mpi_cascade.scans.regions import tracer_and_edges


def pixel_factors_needed(
    image: Images, interval: Interval, truth: Images
) -> list[NDArray[np.float64]]:
    """Returns, for each scan, what its interval would have to be multiplied by at every pixel.

    Only pixels with tracer or next to some count: an empty background is covered for nothing.

    Args:
        image: Final images, (batch, 1, y, x).
        interval: Their intervals.
        truth: True concentrations.
    """
    distance = torch.where(truth > image, interval.upper - image, image - interval.lower)
    # The least distance that counts is a millionth of each image's peak.
    least = 1e-6 * image.abs().amax(dim=(2, 3), keepdim=True).clamp_min(1e-12)
    needed = ((truth - image).abs() / distance.clamp_min(least)).double()
    is_counted = tracer_and_edges(truth)
    return [
        values[chosen].numpy(force=True)
        for values, chosen in zip(needed, is_counted, strict=True)
    ]  # fmt: skip


def mass_factors_needed(
    image: Images, interval: Interval, truth: Images
) -> list[NDArray[np.float64]]:
    """Returns, for each scan, what the sum of half widths must be multiplied by for each object.

    Args:
        image: Final images, (batch, 1, y, x).
        interval: Their intervals.
        truth: True concentrations.
    """
    half, found = half_width(interval), []
    for one, width, true in zip(image[:, 0], half[:, 0], truth[:, 0], strict=True):
        places, num = regions(one)
        error = np.abs(sums(one, places, num) - sums(true, places, num))
        found.append(error / np.maximum(sums(width, places, num), 1e-12))
    return found
