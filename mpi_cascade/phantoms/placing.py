"""From uniform random numbers to strokes that lie inside the field of view."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from mpi_cascade.devices import made_once, pair
from mpi_cascade.phantoms.rendering import Strokes


def scale(uniform: Tensor, bounds: tuple[float, float]) -> Tensor:
    """Returns numbers uniform between both bounds, from numbers uniform in (0, 1)."""
    return bounds[0] + (bounds[1] - bounds[0]) * uniform


def integer(uniform: Tensor, bounds: tuple[int, int]) -> Tensor:
    """Returns integers, each of ``bounds`` and between equally likely."""
    return (bounds[0] + (uniform * (bounds[1] - bounds[0] + 1)).floor()).long().clamp_max(bounds[1])


def direction(turns: Tensor) -> Tensor:
    """Returns unit vectors (…, 2) at angles given in turns."""
    angle = 2 * math.pi * turns
    return torch.stack((torch.cos(angle), torch.sin(angle)), dim=-1)


def row_numbers(table: Shaped[Tensor, "rows columns"]) -> Int64[Tensor, " entries"]:
    """Returns the number of the row of every entry of a flattened table."""
    rows = torch.arange(len(table), device=table.device)
    return rows[:, None].expand(table.shape).flatten()


def place(
    start: Float[Tensor, "phantoms strokes 2"],
    end: Float[Tensor, "phantoms strokes 2"],
    radius: Float[Tensor, "phantoms #strokes"],
    amplitude: Float[Tensor, "phantoms #strokes"],
    position: Sequence[Float[Tensor, "phantoms 1"]],
    field_of_view_m: tuple[float, float],
    *,
    end_radius: Float[Tensor, "phantoms #strokes"] | None = None,
    is_present: Bool[Tensor, "phantoms #strokes"] | None = None,
    is_flat: Bool[Tensor, "phantoms 1"] | None = None,
) -> Strokes:
    """Returns strokes, moved so that the box around the present ones lies in the field of view.

    ``position`` (x, y) in 0 … 1 chooses uniformly among the places that the box can take. Strokes
    are as wide at the end as at the start, present and round, unless said otherwise. Absent ones
    have an amplitude of 0.
    """
    shape, device = start.shape[:2], start.device
    is_present = _of_all(True, device) if is_present is None else is_present
    is_flat = _of_all(False, device) if is_flat is None else is_flat
    largest_radius = radius if end_radius is None else torch.maximum(radius, end_radius)
    end_radius = radius if end_radius is None else end_radius
    largest_radius, absent = largest_radius[..., None], ~is_present[..., None]
    lower = (torch.minimum(start, end) - largest_radius).masked_fill(absent, math.inf).amin(dim=1)
    upper = (torch.maximum(start, end) + largest_radius).masked_fill(absent, -math.inf).amax(dim=1)
    size_y, size_x = field_of_view_m
    size, half = (pair(part * size_x, part * size_y, like=start) for part in (1, 0.5))
    corner = torch.cat(list(position), dim=1) * (size - (upper - lower)).clamp_min(0) - half
    shift = (corner - lower)[:, None]
    return Strokes(
        sample=row_numbers(start[..., 0]),
        start=(start + shift).flatten(0, 1),
        end=(end + shift).flatten(0, 1),
        start_radius=radius.expand(shape).flatten(),
        end_radius=end_radius.expand(shape).flatten(),
        amplitude=(amplitude * is_present).expand(shape).flatten(),
        is_flat=is_flat.expand(shape).flatten(),
    )


@made_once
def _of_all(value: bool, device: torch.device) -> Bool[Tensor, "1 1"]:
    return torch.full((1, 1), value, device=device)
