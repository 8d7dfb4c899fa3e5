"""The FFP grid that scans are given where a scanner is calibrated."""

import pytest

from mpi_cascade.calibration.scan_grid import scan_grid
from mpi_cascade.checks import InputError
from mpi_cascade.physics.convolution import common_lattice
from mpi_cascade.physics.scanner import Scanner


@pytest.mark.parametrize(
    ("num_ffp", "image_shape"),
    [
        ((64, 64), (64, 64)), ((48, 40), (40, 48)), ((32, 1), (1, 32)), ((30, 12), (16, 32)),
        ((50, 50), (40, 40)), ((100, 75), (120, 120)), ((60, 60), (72, 72)), ((20, 2), (8, 24)),
    ],
)  # fmt: skip
def test_pixels_are_about_as_many_as_positions(num_ffp, image_shape):
    found = scan_grid(num_ffp, (64.0, 48.0), of_a_line=False)
    assert found.image_shape == image_shape
    scanner = Scanner(**found.fields)
    assert scanner.ffp_shape == num_ffp[::-1]
    assert scanner.field_of_view_m == pytest.approx((48e-3, 64e-3))
    # The simulation's grid, twice as fine, shares a small lattice with the positions.
    num_y, num_x = image_shape
    assert max(common_lattice((2 * num_y, 2 * num_x), scanner.ffp_shape).shape) <= 1200


@pytest.mark.parametrize(
    ("num_ffp", "size_mm", "of_a_line", "sentence"),
    [
        ((8, 0), (4, 4), False, "--ffp-grid is 8 0: give 2 or more positions along x, 1 or more"),
        ((1, 32), (4, 4), False, "--ffp-grid is 1 32: give 2 or more positions along x"),
        ((8, 4), (4, 4), True, "--ffp-grid is 8 4: a sample on one line says nothing of the grad"),
        ((8, 8), (4, -4), False, "--region-mm is 4 -4: give width and height in mm, 0.1 … 1000"),
        ((8, 8), (0.004, 0.004), False, "--region-mm is 0.004 0.004: give width and height in mm"),
        ((64, 64), (1000, 1), False, "--ffp-grid and --region-mm: .* have no lattice in common"),
        ((53, 64), (4, 4), False, "--ffp-grid has 53 positions along an axis: .* such as 56"),
        ((100_000, 64), (4, 4), False, "--ffp-grid has 100000 positions along an axis"),
    ],
)
def test_what_cannot_be_a_grid_is_refused(num_ffp, size_mm, of_a_line, sentence):
    with pytest.raises(InputError, match=sentence):
        scan_grid(num_ffp, size_mm, of_a_line)
