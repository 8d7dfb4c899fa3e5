"""Pictures as shapes: small images that are placed, turned and scaled."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from mpi_cascade.physics.scanner import cell_centres

_SUBSAMPLES = 4
_CHUNK = 16


class Rasters(NamedTuple):
    """Square pictures, bilinear between their pixels and 0 outside; overlapping ones add.

    Attributes:
        sample: Sample in the batch that each picture belongs to, (pictures,).
        values: Relative concentration, row 0 at the lower edge, (pictures, rows, columns).
        centre: Centre (x, y) in m, (pictures, 2).
        direction: Unit vector (x, y) along which the columns of a picture run, (pictures, 2).
        side: Length of an edge in m, (pictures,).
        amplitude: Tracer concentration where the value is 1, (pictures,).
    """

    sample: Int64[Tensor, " pictures"]
    values: Float[Tensor, "pictures rows columns"]
    centre: Float[Tensor, "pictures 2"]
    direction: Float[Tensor, "pictures 2"]
    side: Float[Tensor, " pictures"]
    amplitude: Float[Tensor, " pictures"]


def render_rasters(
    rasters: Rasters, image_shape: tuple[int, int], field_of_view_m: tuple[float, float]
) -> Float[Tensor, "pictures ny nx"]:
    """Returns the concentration of each picture on a grid, each pixel the mean of 16 points.

    Args:
        rasters: The pictures.
        image_shape: Pixels (y, x).
        field_of_view_m: Size (y, x) of the grid in m, centred at 0.
    """
    y_m, x_m = (
        cell_centres(_SUBSAMPLES * num, size_m, rasters.side.device).float()
        for num, size_m in zip(image_shape, field_of_view_m, strict=True)
    )
    images = [rasters.values.new_zeros(0, *image_shape)]
    for first in range(0, len(rasters.side), _CHUNK):
        part = Rasters(*(column[first : first + _CHUNK] for column in rasters))
        offset_x = x_m[None, None, :] - part.centre[:, :1, None]
        offset_y = y_m[None, :, None] - part.centre[:, 1:, None]
        cos, sin = part.direction[:, :1, None], part.direction[:, 1:, None]
        # From −1 to 1 over the picture, along its columns and along its rows.
        scale = 2 / part.side[:, None, None]
        along = scale * (cos * offset_x + sin * offset_y)
        across = scale * (cos * offset_y - sin * offset_x)
        fine = functional.grid_sample(
            part.values[:, None], torch.stack((along, across), dim=-1), align_corners=False
        )
        coarse = functional.avg_pool2d(fine, _SUBSAMPLES)[:, 0]
        images.append(part.amplitude[:, None, None] * coarse)
    return torch.cat(images)
