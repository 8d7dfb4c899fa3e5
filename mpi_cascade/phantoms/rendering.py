"""Rendering: geometric shapes → concentration images with anti-aliased edges, in batches.

Shapes are flat lists over a whole batch, each with the number of the sample that it belongs to,
so that samples of any complexity render together. A shape of amplitude 0 is none: with those a list
is as long whatever is drawn.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from mpi_cascade.devices import needed, pair
from mpi_cascade.phantoms.rasters import Rasters, render_rasters
from mpi_cascade.physics.linear import Images
from mpi_cascade.physics.scanner import cell_centres

_TILE = 4
_SUBSAMPLES = 2
_MOST_TILES = 2**20
"""At a time: 256 MB for every number per point."""


class Strokes(NamedTuple):
    """Tapering strokes: discs (start = end), capsules and bars; where they overlap, the largest
    concentration counts.

    Attributes:
        sample: Sample in the batch that each stroke belongs to, (strokes,).
        start: Start (x, y) of the centre line in m, (strokes, 2).
        end: End (x, y) of the centre line in m, (strokes, 2).
        start_radius: Half the width at the start in m, (strokes,).
        end_radius: Half the width at the end in m, (strokes,).
        amplitude: Tracer concentration inside, ≥ 0, (strokes,).
        is_flat: True for flat ends at start and end, False for round caps beyond them, (strokes,).
    """

    sample: Int64[Tensor, " strokes"]
    start: Float[Tensor, "strokes 2"]
    end: Float[Tensor, "strokes 2"]
    start_radius: Float[Tensor, " strokes"]
    end_radius: Float[Tensor, " strokes"]
    amplitude: Float[Tensor, " strokes"]
    is_flat: Bool[Tensor, " strokes"]


class Blobs(NamedTuple):
    """Gaussian blobs; where they overlap, concentrations add.

    Attributes:
        sample: Sample in the batch that each blob belongs to, (blobs,).
        centre: Centre (x, y) in m, (blobs, 2).
        sigma: Standard deviation along (x, y) in m, (blobs, 2).
        amplitude: Tracer concentration at the centre, ≥ 0, (blobs,).
    """

    sample: Int64[Tensor, " blobs"]
    centre: Float[Tensor, "blobs 2"]
    sigma: Float[Tensor, "blobs 2"]
    amplitude: Float[Tensor, " blobs"]


Shape = Strokes | Blobs | Rasters
"""What phantoms are made of: a flat list of one kind over a whole batch."""

_Shape = TypeVar("_Shape", Strokes, Blobs, Rasters)


def render(
    shapes: Sequence[Shape],
    num_samples: int,
    image_shape: tuple[int, int],
    field_of_view_m: tuple[float, float],
) -> Images:
    """Returns the concentration of every sample, (batch, 1, y, x) float32.

    Args:
        shapes: The shapes of all samples; at least one list.
        num_samples: Samples in the batch.
        image_shape: Pixels (y, x), about square: edges are as wide along y as along x.
        field_of_view_m: Size (y, x) of the image in m, centred at 0.
    """
    strokes = [shape for shape in shapes if isinstance(shape, Strokes)]
    if strokes:
        joined = present(Strokes(*(torch.cat(columns) for columns in zip(*strokes, strict=True))))
        image = _render_strokes(joined, num_samples, image_shape, field_of_view_m)
    else:
        image = torch.zeros(num_samples, *image_shape, device=shapes[0].sample.device)
    for shape in shapes:
        if isinstance(shape, Blobs):
            blobs = present(shape)
            image.index_add_(0, blobs.sample, _render_blobs(blobs, image_shape, field_of_view_m))
        elif isinstance(shape, Rasters):
            rasters = present(shape)
            pictures = render_rasters(rasters, image_shape, field_of_view_m)
            image.index_add_(0, rasters.sample, pictures)
    return image[:, None]


def present(shapes: _Shape) -> _Shape:
    """Returns the shapes that there are, or all of a list whose length must not depend on them."""
    (chosen,) = needed(shapes.amplitude != 0)
    return type(shapes)(*(column[chosen] for column in shapes))


def signed_distance(strokes: Strokes, points: Float[Tensor, "strokes points 2"]) -> Tensor:
    """Returns the distance in m of points to the edge of a stroke, negative inside.

    Exact for discs, capsules of one width and inside bars; for tapering strokes off by the cosine
    of the taper.

    Args:
        strokes: The strokes.
        points: Points (x, y) in m for each stroke, (strokes, points, 2).

    Returns:
        Distances, (strokes, points).
    """
    axis = strokes.end - strokes.start
    length = axis.norm(dim=-1, keepdim=True)
    along_x = pair(1.0, 0.0, like=axis)
    direction = torch.where(length > 0, axis / length.clamp_min(1e-12), along_x)
    direction_x, direction_y = direction[:, None, 0], direction[:, None, 1]
    offset_x = points[..., 0] - strokes.start[:, None, 0]
    offset_y = points[..., 1] - strokes.start[:, None, 1]
    along = offset_x * direction_x + offset_y * direction_y
    across = offset_x * direction_y - offset_y * direction_x
    half_length = length / 2
    beyond_end = (along - half_length).abs() - half_length
    taper = (strokes.end_radius - strokes.start_radius)[:, None] / length.clamp_min(1e-12)
    radius = strokes.start_radius[:, None] + taper * torch.minimum(along.clamp_min(0), length)
    # torch.hypot is several times slower than this, and nothing here over- or underflows.
    round_distance = (beyond_end.clamp_min(0).square() + across.square()).sqrt() - radius
    flat_distance = torch.maximum(across.abs() - radius, beyond_end)
    return torch.where(strokes.is_flat[:, None], flat_distance, round_distance)


def _render_strokes(
    strokes: Strokes,
    num_samples: int,
    image_shape: tuple[int, int],
    field_of_view_m: tuple[float, float],
) -> Float[Tensor, "batch ny nx"]:
    """Rasterises tile by tile: only tiles that a stroke may touch are computed."""
    device = strokes.sample.device
    num_y, num_x = image_shape
    tiles_y, tiles_x = -(-num_y // _TILE), -(-num_x // _TILE)
    pixel_y, pixel_x = field_of_view_m[0] / num_y, field_of_view_m[1] / num_x
    edge_m = (pixel_x * pixel_y) ** 0.5 / _SUBSAMPLES

    # Tiles may reach past the image: their grid is laid from the image's corner.
    tile_size_y, tile_size_x = _TILE * pixel_y, _TILE * pixel_x
    tile_y = (torch.arange(tiles_y, device=device) + 0.5) * tile_size_y - field_of_view_m[0] / 2
    tile_x = (torch.arange(tiles_x, device=device) + 0.5) * tile_size_x - field_of_view_m[1] / 2
    tile_centres = _points(tile_x, tile_y)
    reach = 0.5 * (tile_size_x**2 + tile_size_y**2) ** 0.5 + edge_m
    # Boxes leave out most tiles at once; distances then leave out those beside slanting strokes.
    stroke, tile = _tiles_in_boxes(strokes, tile_x, tile_y, reach)
    boxed = Strokes(*(column[stroke] for column in strokes))
    (near,) = needed(signed_distance(boxed, tile_centres[tile][:, None])[:, 0] < reach)
    stroke, tile = stroke[near], tile[near]

    inside_tile = _points(
        cell_centres(_TILE * _SUBSAMPLES, tile_size_x, device).float(),
        cell_centres(_TILE * _SUBSAMPLES, tile_size_y, device).float(),
    )
    means = _means_of_subsamples(device)
    strokes = _with_exact_discs(strokes, edge_m)
    tiles = torch.zeros(num_samples * tiles_y * tiles_x, _TILE**2, device=device)
    for some, places in zip(stroke.split(_MOST_TILES), tile.split(_MOST_TILES), strict=True):
        touching = Strokes(*(column[some] for column in strokes))
        distances = signed_distance(touching, tile_centres[places][:, None] + inside_tile)
        coverage = (0.5 - distances / edge_m).clamp(0, 1)
        concentration = (coverage @ means) * touching.amplitude[:, None]
        target = (touching.sample * (tiles_y * tiles_x) + places)[:, None].expand_as(concentration)
        tiles.scatter_reduce_(0, target, concentration, reduce="amax")
    image = tiles.reshape(num_samples, tiles_y, tiles_x, _TILE, _TILE).transpose(2, 3)
    return image.reshape(num_samples, tiles_y * _TILE, tiles_x * _TILE)[:, :num_y, :num_x]


def _means_of_subsamples(device: torch.device) -> Float[Tensor, "subsamples pixels"]:
    """Returns the matrix from a tile's subsamples to its pixels, faster than their means."""
    along_axis = torch.eye(_TILE, device=device).repeat_interleave(_SUBSAMPLES, 0) / _SUBSAMPLES
    return torch.kron(along_axis, along_axis)


def _tiles_in_boxes(
    strokes: Strokes, tile_x: Float[Tensor, " nx"], tile_y: Float[Tensor, " ny"], reach: float
) -> tuple[Int64[Tensor, " tiles"], Int64[Tensor, " tiles"]]:
    """Returns stroke and tile wherever a tile's centre is within reach of a stroke's box."""
    margin = torch.maximum(strokes.start_radius, strokes.end_radius)[:, None] + reach
    lower = torch.minimum(strokes.start, strokes.end) - margin
    upper = torch.maximum(strokes.start, strokes.end) + margin
    is_near_x = (tile_x > lower[:, :1]) & (tile_x < upper[:, :1])
    is_near_y = (tile_y > lower[:, 1:]) & (tile_y < upper[:, 1:])
    is_near = is_near_y[:, :, None] & is_near_x[:, None, :]
    stroke, tile = needed(is_near.flatten(1))
    return stroke, tile


def _with_exact_discs(strokes: Strokes, edge_m: float) -> Strokes:
    """Returns strokes whose discs have, with a linear edge of this width, the area π·r²."""
    is_disc = (strokes.start == strokes.end).all(dim=1) & ~strokes.is_flat
    exact = (strokes.start_radius**2 - edge_m**2 / 12).clamp_min(0).sqrt()
    return strokes._replace(start_radius=torch.where(is_disc, exact, strokes.start_radius))


def _render_blobs(
    blobs: Blobs, image_shape: tuple[int, int], field_of_view_m: tuple[float, float]
) -> Float[Tensor, "blobs ny nx"]:
    profiles = []
    for axis, (num, size_m) in enumerate(zip(image_shape, field_of_view_m, strict=True)):
        positions = cell_centres(num, size_m, blobs.sample.device).float()
        offset = positions - blobs.centre[:, 1 - axis, None]
        profiles.append(torch.exp(-0.5 * (offset / blobs.sigma[:, 1 - axis, None]) ** 2))
    return blobs.amplitude[:, None, None] * profiles[0][:, :, None] * profiles[1][:, None, :]


def _points(x: Float[Tensor, " nx"], y: Float[Tensor, " ny"]) -> Float[Tensor, "points 2"]:
    """Returns all points (x, y) of a grid, row-major."""
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((grid_x, grid_y), dim=-1).reshape(-1, 2)
