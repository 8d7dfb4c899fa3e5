"""The FFP grid of the scans that a calibration is for, where it isn't that of the sample."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from mpi_cascade.checks import InputError
from mpi_cascade.physics.convolution import common_lattice
from mpi_cascade.scans.simulated import fine_shape, square_oversampling

_MULTIPLE = 8
"""What the shipped networks need the pixels along an axis to be a multiple of."""

_PIXELS_PER_POSITION = 0.8, 1.7
"""Coarser pixels would lose what the scans resolve, finer ones hold nothing more."""

_MOST_POINTS = 1200, 2048
"""Along an axis of the lattice that holds FFP positions and pixels of the simulation: of the first
its PSF takes seconds, of the second minutes."""

_LEAST_MM, _MOST_MM = 0.1, 1000.0
"""A region beyond is a slip of unit."""


class ScanGrid(NamedTuple):
    """Where scans have their FFP.

    Attributes:
        fields: The FFP positions and the field of view, as ``Scanner`` has them.
        image_shape: Pixels (y, x): about one for each FFP position.
    """

    fields: Mapping[str, Any]
    image_shape: tuple[int, int]


def scan_grid(num_ffp: tuple[int, int], size_mm: tuple[float, float], of_a_line: bool) -> ScanGrid:
    """Returns the grid of scans.

    Args:
        num_ffp: FFP positions along x and along y.
        size_mm: Width and height in mm of the region that they are the centres of cells of.
        of_a_line: Whether the sample was on one line, which says nothing of the gradient along y.

    Raises:
        InputError: If the grid can't be used.
    """
    num_x, num_y = num_ffp
    if of_a_line and num_y > 1:
        raise InputError(
            f"--ffp-grid is {num_x} {num_y}: a sample on one line says nothing of the gradient "
            f"along y, so measure several lines, or give {num_x} 1"
        )
    if num_x < 2 or num_y < 1:
        raise InputError(
            f"--ffp-grid is {num_x} {num_y}: give 2 or more positions along x, 1 or more along y"
        )
    if not all(_LEAST_MM <= size <= _MOST_MM for size in size_mm):
        raise InputError(
            f"--region-mm is {size_mm[0]:g} {size_mm[1]:g}: give width and height in mm, "
            f"{_LEAST_MM:g} … {_MOST_MM:g}"
        )
    fields: dict[str, Any] = {
        "num_ffp_x": num_x, "num_ffp_y": num_y,
        "field_of_view_x_m": 1e-3 * size_mm[0], "field_of_view_y_m": 1e-3 * size_mm[1],
    }  # fmt: skip
    shape = _num_pixels(num_y), _num_pixels(num_x)
    fine = fine_shape(shape, square_oversampling(shape, size_mm[::-1], 2))
    try:
        common_lattice(fine, (num_y, num_x))
    except InputError as error:
        raise InputError(f"--ffp-grid and --region-mm: {error}") from error
    return ScanGrid(fields, shape)


def _num_pixels(num_ffp: int) -> int:
    """Returns the pixels along an axis: as near to its FFP positions as what needs them lets."""
    if num_ffp == 1:
        return 1
    least, most = (share * num_ffp for share in _PIXELS_PER_POSITION)
    first = _MULTIPLE * math.ceil(least / _MULTIPLE)
    candidates = range(first, max(first, int(most)) + 1, _MULTIPLE)
    for most_points in _MOST_POINTS:
        # The simulation has two pixels for each of an image.
        suited = [num for num in candidates if math.lcm(2 * num, num_ffp) <= most_points]
        if suited:
            return min(suited, key=lambda num: abs(math.log(num / num_ffp)))
    raise InputError(
        f"--ffp-grid has {num_ffp} positions along an axis: no image of about as many pixels, a "
        f"multiple of {_MULTIPLE}, has a small lattice in common with them, so scan a number with "
        f"small factors, such as {_MULTIPLE * max(1, round(num_ffp / _MULTIPLE))}"
    )
