"""Phantoms from pictures: arrays and image files, placed, turned and scaled."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mpi_cascade.checks import InputError, ascending
from mpi_cascade.devices import Table, pair
from mpi_cascade.phantoms.family import PhantomFamily, Size, Span, Uniforms
from mpi_cascade.phantoms.picture_files import picture_paths, read_pictures
from mpi_cascade.phantoms.placing import direction, integer, scale
from mpi_cascade.phantoms.rasters import Rasters

_SIDE = 128

Turn = Annotated[tuple[float, float], ascending(-360, 360)]
"""Smallest and largest angle in degrees."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures(PhantomFamily):
    """Phantoms drawn from arrays: any of them, cropped to what it shows, turned and scaled.

    Their longer side has 128 pixels at most; of more, means are taken.

    Args:
        arrays: The pictures, each (y, x) with y upwards, finite and not negative. The largest value
            of each is its full concentration.
        size_mm: Smallest and largest length of a picture's longer side in mm, once it is cropped.
        turn_deg: Smallest and largest angle that a picture is turned by in degrees; every second
            one is mirrored before.
        amplitude: Smallest and largest concentration where a picture is brightest.

    Raises:
        InputError: If there is no picture, one can't be a concentration, or a range is not an
            ascending pair of allowed values.
    """

    arrays: Sequence[NDArray[np.float64]]
    size_mm: Size = (1.0, 4.0)
    turn_deg: Turn = (0.0, 360.0)
    amplitude: Span = (0.4, 1.0)

    num_uniforms = 7

    def __post_init__(self) -> None:
        """Checks every argument, and every picture."""
        super().__post_init__()
        if not len(self.arrays):
            raise InputError("Pictures.arrays is empty: give one picture at least")
        _ = self._atlas, self._halves

    @property
    def largest_extent_m(self) -> float:
        """Diagonal of the largest picture in m."""
        diagonals = (2 * self._halves.on(torch.device("cpu"))).norm(dim=1)
        return 1e-3 * self.size_mm[1] * float(diagonals.max())

    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Rasters:
        """Returns pictures placed uniformly inside the field of view."""
        chosen, size, turn, mirror, amplitude, *position = uniforms.split(1, dim=1)
        number = integer(chosen[:, 0], (0, len(self.arrays) - 1))
        side_m = 1e-3 * scale(size[:, 0], self.size_mm)
        along = direction(scale(turn[:, 0], self.turn_deg) / 360)
        values = self._atlas.on(uniforms.device)[number]
        values = torch.where(mirror[..., None] < 0.5, values, values.flip(2))
        half_x, half_y = self._halves.on(uniforms.device)[number].unbind(1)
        cos, sin = along.abs().unbind(1)
        extent_m = 2 * side_m[:, None] * torch.stack(
            (cos * half_x + sin * half_y, sin * half_x + cos * half_y), dim=1
        )  # fmt: skip
        room_m = (pair(*field_of_view_m[::-1], like=uniforms) - extent_m).clamp_min(0)
        return Rasters(
            sample=torch.arange(len(uniforms), device=uniforms.device),
            values=values,
            centre=(torch.cat(position, dim=1) - 0.5) * room_m,
            direction=along,
            side=side_m,
            amplitude=scale(amplitude[:, 0], self.amplitude),
        )

    @cached_property
    def _atlas(self) -> Table:
        """Every picture on a square of 128 by 128."""
        pictures = [_canvas(_checked(n, array)) for n, array in enumerate(self.arrays)]
        return Table(torch.stack(pictures))

    @cached_property
    def _halves(self) -> Table:
        """Half the width and height of each picture relative to its longer side."""
        sizes = torch.tensor([_cropped(np.asarray(array)).shape[::-1] for array in self.arrays])
        return Table(0.5 * sizes / sizes.amax(dim=1, keepdim=True))


@dataclass(frozen=True, kw_only=True)
class PictureFiles(PhantomFamily):
    """Phantoms drawn from image files, a vessel atlas for example; see ``Pictures``.

    A ``.npy`` holds a picture (y, x), y upwards, or several (n, y, x); a ``.png`` one, bright where
    there is tracer; of a NIfTI every slice along the third axis that shows something is one.

    Args:
        files: Files, or folders whose files of these kinds are taken in the order of their names.
        size_mm: Smallest and largest length of a picture's longer side in mm, once it is cropped.
        turn_deg: Smallest and largest angle that a picture is turned by in degrees; every second
            one is mirrored before.
        amplitude: Smallest and largest concentration where a picture is brightest.

    Raises:
        InputError: If a file can't be used, or a range is not an ascending pair of allowed values.
    """

    files: tuple[Path, ...]
    size_mm: Size = (1.0, 4.0)
    turn_deg: Turn = (0.0, 360.0)
    amplitude: Span = (0.4, 1.0)

    num_uniforms = Pictures.num_uniforms

    def __post_init__(self) -> None:
        """Checks every argument, and reads the files."""
        super().__post_init__()
        _ = self.pictures

    @cached_property
    def pictures(self) -> Pictures:
        """What the files hold."""
        return Pictures(
            arrays=[
                picture for path in picture_paths(self.files) for picture in read_pictures(path)
            ],
            size_mm=self.size_mm,
            turn_deg=self.turn_deg,
            amplitude=self.amplitude,
        )

    @property
    def largest_extent_m(self) -> float:
        """Diagonal of the largest picture in m."""
        return self.pictures.largest_extent_m

    def shapes(self, uniforms: Uniforms, field_of_view_m: tuple[float, float]) -> Rasters:
        """Returns pictures placed uniformly inside the field of view."""
        return self.pictures.shapes(uniforms, field_of_view_m)


def _checked(number: int, array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns a picture, cropped, or raises an InputError."""
    values = np.asarray(array, np.float64)
    if values.ndim != 2 or values.size == 0:
        raise InputError(
            f"picture {number} has the shape {list(values.shape)}: a picture must be (y, x)"
        )
    if not np.isfinite(values).all() or values.min() < 0:
        raise InputError(
            f"picture {number} has values that are negative or not finite: they stand for "
            "concentrations, so make them 0 or more"
        )
    if not values.any():
        raise InputError(f"picture {number} is 0 throughout: leave it out")
    return _cropped(values)


def _cropped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the smallest part of a picture outside of which it is 0."""
    rows, columns = np.flatnonzero(values.any(axis=1)), np.flatnonzero(values.any(axis=0))
    return values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _canvas(values: NDArray[np.float64]) -> Float[Tensor, "128 128"]:
    """Returns a picture in the middle of a square as large as its longer side, at most 1."""
    longer = max(values.shape)
    num_y, num_x = (max(1, math.floor(_SIDE * num / longer + 0.5)) for num in values.shape)
    picture = torch.from_numpy(values / values.max())[None, None]
    if longer > _SIDE:
        fitted = functional.interpolate(picture, (num_y, num_x), mode="area")
    else:
        fitted = functional.interpolate(picture, (num_y, num_x), mode="bilinear")
    top, left = (_SIDE - num_y) // 2, (_SIDE - num_x) // 2
    canvas = torch.zeros(_SIDE, _SIDE)
    canvas[top : top + num_y, left : left + num_x] = fitted[0, 0].float()
    return canvas
