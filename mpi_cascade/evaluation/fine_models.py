"""Models of scanners on grids that are fine enough for the limits of resolution."""

import math
from functools import lru_cache

from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

# Fine enough for gaps of 0.05 mm; see ``detectability.least_favourable``.
_PIXEL_M = 2.5e-5
# In large fields of view the pixels are larger: more of them take minutes and many GB.
_MOST_PIXELS = 2048


@lru_cache(maxsize=9)
def fine_model(scanner: Scanner) -> ForwardModel:
    """Returns the model of a scanner on a fine grid, on a CPU; it is made once.

    Args:
        scanner: The scanner.
    """
    return ForwardModel(scanner, fine_shape(scanner))


def fine_shape(scanner: Scanner) -> tuple[int, int]:
    """Returns pixels (y, x) of a fine grid: multiples of the FFP positions, with small lattices.

    Args:
        scanner: The scanner.
    """
    num_y, num_x = (
        num * max(1, min(math.ceil(size_m / (num * _PIXEL_M) - 1e-6), _MOST_PIXELS // num))
        for num, size_m in zip(scanner.ffp_shape, scanner.field_of_view_m, strict=True)
    )
    return num_y, num_x
