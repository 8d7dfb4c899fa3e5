from dataclasses import replace

import numpy as np
import pytest

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.grid import Grid
from mpi_cascade.mdf.plane import find_plane, snapped


def grid_of(positions_m):
    return Grid(
        size=None, field_of_view_m=None, centre_m=(0.0, 0.0, 0.0), order="xyz",
        is_meandering=False, stated_positions_m=positions_m, delta_sample_m=None, snr=None,
        method="robot",
    )  # fmt: skip


def rectangle(num_y, num_x, step_m=1e-3):
    y, x = np.meshgrid(np.arange(num_y), np.arange(num_x), indexing="ij")
    return step_m * np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)


@pytest.mark.parametrize("shape", [(1, 8), (5, 8), (8, 1)])
def test_a_robot_may_be_off_and_go_any_way(shape):
    generator = np.random.default_rng(0)
    order = generator.permutation(shape[0] * shape[1])
    positions_m = rectangle(*shape)[order] + generator.uniform(-1e-5, 1e-5, (len(order), 3))
    plane = find_plane(grid_of(positions_m))
    assert plane.shape == shape
    np.testing.assert_array_equal(order[plane.order], np.arange(len(order)))
    expected_m = [num * 1e-3 if num > 1 else 0 for num in shape]
    np.testing.assert_allclose(plane.size_m, expected_m, atol=4e-5)  # Twice two ends of 10 µm.


def test_stated_voxels_meander_as_the_file_says():
    grid = replace(
        grid_of(None), stated_positions_m=None, size=(3, 2, 1), is_meandering=True,
        field_of_view_m=(3e-3, 2e-3, 1e-3),
    )  # fmt: skip
    assert find_plane(grid).order.tolist() == [0, 1, 2, 5, 4, 3]


@pytest.mark.parametrize(
    "positions_m",
    [
        rectangle(3, 3)[:-1],
        np.concatenate([rectangle(2, 2), rectangle(2, 2) + np.array([0, 0, 1e-3])]),
        np.array([[0, 0, 0], [1e-3, 0, 0], [5e-3, 0, 0]]),
    ],
    ids=["a hole", "two planes", "uneven"],
)
def test_what_fills_no_rectangle_is_refused(positions_m):
    with pytest.raises(InputError, match="the calibration"):
        find_plane(grid_of(positions_m))


def test_positions_close_together_become_one():
    values_m = np.array([1.0, 5.02, 1.02, 5.0, 9.0])
    np.testing.assert_allclose(snapped(values_m, 0.0), [1.01, 5.01, 1.01, 5.01, 9.0])
    np.testing.assert_allclose(snapped(values_m, 10.0), np.full(5, values_m.mean()))
