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

from mpi_cascade.devices import fused, leaves_out, made_once, pair
from mpi_cascade.phantoms.rasters import Rasters, render_rasters
from mpi_cascade.phantoms.tiles import (
    PIXELS_PER_TILE,
    POINTS_PER_PIXEL,
    Tiling,
    grid_points,
    points_of_tiles,
    tile_places,
)
from mpi_cascade.physics.linear import Images
from mpi_cascade.physics.scanner import cell_centres

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
    if not leaves_out(shapes.amplitude):
        return shapes
    (chosen,) = torch.nonzero(shapes.amplitude, as_tuple=True)
    return type(shapes)(*(column[chosen] for column in shapes))


def signed_distance(strokes: Strokes, points: Float[Tensor, "#strokes points 2"]) -> Tensor:
    """Returns the distance in m of points to the edge of a stroke, negative inside.

    Exact for discs, capsules of one width and inside bars; for tapering strokes off by the cosine
    of the taper.

    Args:
        strokes: The strokes.
        points: Points (x, y) in m for each stroke, (strokes, points, 2), or (1, points, 2) for all.

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
    """Rasterises tile by tile: on a CPU those alone that a stroke may touch."""
    device, tiling = strokes.sample.device, Tiling(image_shape, field_of_view_m)
    points = points_of_tiles(image_shape, field_of_view_m, device)
    exact, num_tiles = _with_exact_discs(strokes, tiling.edge_m), len(points)
    edge_m = _number(tiling.edge_m, device)
    tiles = torch.zeros(num_samples, num_tiles, PIXELS_PER_TILE, device=device)
    if leaves_out(strokes.sample):
        stroke, tile = _touched_tiles(strokes, tiling)
        rows = tiles.flatten(0, 1)
        for some, places in zip(stroke.split(_MOST_TILES), tile.split(_MOST_TILES), strict=True):
            touching = Strokes(*(column[some] for column in exact))
            concentration = _concentration(touching, points[places], edge_m)[:, 0]
            target = (touching.sample * num_tiles + places)[:, None].expand_as(concentration)
            rows.scatter_reduce_(0, target, concentration, reduce="amax")
    else:
        every = points.flatten(0, 1)[None]
        num = max(1, _MOST_TILES // num_tiles)
        for columns in zip(*(column.split(num) for column in exact), strict=True):
            some = Strokes(*columns)
            concentration = _concentration(some, every, edge_m)
            target = some.sample[:, None, None].expand_as(concentration)
            tiles.scatter_reduce_(0, target, concentration, reduce="amax")
    return tiling.image(tiles)


@fused
def _concentration(
    strokes: Strokes, points: Float[Tensor, "#strokes points 2"], edge_m: Float[Tensor, ""]
) -> Float[Tensor, "strokes tiles pixels"]:
    """Returns the mean concentration of each stroke in the pixels of tiles, from their points."""
    coverage = (0.5 - signed_distance(strokes, points) / edge_m).clamp(0, 1)
    corners = coverage.unflatten(1, (-1, POINTS_PER_PIXEL, PIXELS_PER_TILE)).unbind(2)
    total = sum(corners[1:], start=corners[0])
    return total * (strokes.amplitude[:, None, None] / POINTS_PER_PIXEL)


@made_once
def _number(value: float, device: torch.device) -> Float[Tensor, ""]:
    """Returns a number that a compiled function takes as one that may change."""
    return torch.full((), value, device=device)


def _touched_tiles(
    strokes: Strokes, tiling: Tiling
) -> tuple[Int64[Tensor, " touched"], Int64[Tensor, " touched"]]:
    """Returns the numbers of strokes, and of a tile that each may touch."""
    tile_y, tile_x = tile_places(tiling, strokes.sample.device)
    # Boxes leave out most tiles at once; distances then leave out those beside slanting strokes.
    margin = torch.maximum(strokes.start_radius, strokes.end_radius)[:, None] + tiling.reach_m
    lower = torch.minimum(strokes.start, strokes.end) - margin
    upper = torch.maximum(strokes.start, strokes.end) + margin
    is_near_x = (tile_x > lower[:, :1]) & (tile_x < upper[:, :1])
    is_near_y = (tile_y > lower[:, 1:]) & (tile_y < upper[:, 1:])
    is_near = is_near_y[:, :, None] & is_near_x[:, None, :]
    stroke, tile = torch.nonzero(is_near.flatten(1), as_tuple=True)
    boxed = Strokes(*(column[stroke] for column in strokes))
    centres = grid_points(tile_x, tile_y)[tile][:, None]
    is_touched = signed_distance(boxed, centres)[:, 0] < tiling.reach_m
    return stroke[is_touched], tile[is_touched]


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
        offset = _pixels(num, size_m, blobs.sample.device) - blobs.centre[:, 1 - axis, None]
        profiles.append(torch.exp(-0.5 * (offset / blobs.sigma[:, 1 - axis, None]) ** 2))
    return blobs.amplitude[:, None, None] * profiles[0][:, :, None] * profiles[1][:, None, :]


@made_once
def _pixels(num: int, size_m: float, device: torch.device) -> Float[Tensor, " pixels"]:
    return cell_centres(num, size_m, device).float()
