"""An image in square tiles, each with the points at which strokes are sampled."""

import itertools
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mpi_cascade.devices import made_once
from mpi_cascade.physics.scanner import cell_centres

_TILE = 4
_SUBSAMPLES = 2

PIXELS_PER_TILE = _TILE**2

POINTS_PER_PIXEL = _SUBSAMPLES**2


class Tiling(NamedTuple):
    """An image in tiles, which may reach past it: their grid is laid from its corner.

    Attributes:
        image_shape: Pixels (y, x).
        field_of_view_m: Size (y, x) of the image in m, centred at 0.
    """

    image_shape: tuple[int, int]
    field_of_view_m: tuple[float, float]

    @property
    def num(self) -> tuple[int, int]:
        """Tiles (y, x)."""
        num_y, num_x = self.image_shape
        return -(-num_y // _TILE), -(-num_x // _TILE)

    @property
    def size_m(self) -> tuple[float, float]:
        """Size (y, x) of a tile in m."""
        (num_y, num_x), (size_y, size_x) = self.image_shape, self.field_of_view_m
        return _TILE * (size_y / num_y), _TILE * (size_x / num_x)

    @property
    def edge_m(self) -> float:
        """Width in m over which the edge of a stroke fades: that of a subsample."""
        (num_y, num_x), (size_y, size_x) = self.image_shape, self.field_of_view_m
        return ((size_x / num_x) * (size_y / num_y)) ** 0.5 / _SUBSAMPLES

    @property
    def reach_m(self) -> float:
        """Largest distance in m from a tile's centre to the edge of a stroke that may touch it."""
        size_y, size_x = self.size_m
        return 0.5 * (size_x**2 + size_y**2) ** 0.5 + self.edge_m

    def image(self, tiles: Float[Tensor, "batch tiles pixels"]) -> Float[Tensor, "batch ny nx"]:
        """Returns images from their tiles, row-major like the pixels in each."""
        (tiles_y, tiles_x), (num_y, num_x) = self.num, self.image_shape
        rows = tiles.reshape(len(tiles), tiles_y, tiles_x, _TILE, _TILE).transpose(2, 3)
        return rows.reshape(len(tiles), tiles_y * _TILE, tiles_x * _TILE)[:, :num_y, :num_x]


@made_once
def points_of_tiles(
    image_shape: tuple[int, int], field_of_view_m: tuple[float, float], device: torch.device
) -> Float[Tensor, "tiles points 2"]:
    """Returns the points (x, y) in m at which every tile of an image is sampled.

    First come those of one corner of all pixels, then those of the next.
    """
    tiling = Tiling(image_shape, field_of_view_m)
    inside_y, inside_x = (
        cell_centres(_TILE * _SUBSAMPLES, size_m, device).float() for size_m in tiling.size_m
    )
    corners = itertools.product(range(_SUBSAMPLES), repeat=2)
    inside = [grid_points(inside_x[x::_SUBSAMPLES], inside_y[y::_SUBSAMPLES]) for y, x in corners]
    places_y, places_x = tile_places(tiling, device)
    return grid_points(places_x, places_y)[:, None] + torch.cat(inside)


def tile_places(
    tiling: Tiling, device: torch.device
) -> tuple[Float[Tensor, " ny"], Float[Tensor, " nx"]]:
    """Returns where the centres of tiles lie along y and along x in m."""
    places_y, places_x = (
        (torch.arange(num, device=device) + 0.5) * size_m - whole_m / 2
        for num, size_m, whole_m in zip(
            tiling.num, tiling.size_m, tiling.field_of_view_m, strict=True
        )
    )
    return places_y, places_x


def grid_points(x: Float[Tensor, " nx"], y: Float[Tensor, " ny"]) -> Float[Tensor, "points 2"]:
    """Returns all points (x, y) of a grid, row-major."""
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((grid_x, grid_y), dim=-1).reshape(-1, 2)
