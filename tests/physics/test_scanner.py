import math

import numpy as np
import pytest

from mpi_cascade.checks import InputError
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner, cell_centres, changed_scanner


def test_cells_fill_the_field_of_view_around_zero():
    edges = np.linspace(-3e-3, 3e-3, 7)
    np.testing.assert_allclose(cell_centres(6, 6e-3), (edges[1:] + edges[:-1]) / 2, atol=1e-18)


def test_a_single_cell_lies_at_zero():
    assert cell_centres(1, 5e-3).tolist() == [0.0]


def test_a_finer_grid_has_its_cells_inside_those_of_a_coarser_one():
    fine, coarse = cell_centres(12, 1.0).numpy(), cell_centres(4, 1.0).numpy()
    np.testing.assert_allclose(fine.reshape(4, 3).mean(axis=1), coarse, atol=1e-15)


def test_shapes_are_ordered_y_x():
    scanner = Scanner(num_ffp_x=8, num_ffp_y=4, field_of_view_x_m=8e-3, field_of_view_y_m=2e-3)
    assert scanner.ffp_shape == (4, 8)
    assert scanner.field_of_view_m == (2e-3, 8e-3)


@pytest.mark.parametrize(
    ("relaxation_time_s", "harmonics", "num_channels"),
    [(0.0, (3,), 1), (0.0, (2, 3, 5), 3), (2e-6, (3,), 2), (2e-6, (3, 5), 4)],
)
def test_relaxation_doubles_the_channels(relaxation_time_s, harmonics, num_channels):
    scanner = Scanner(
        harmonics=harmonics, particle=Particle(relaxation_time_s=relaxation_time_s), num_ffp_x=5
    )
    assert scanner.is_complex == (relaxation_time_s > 0)
    assert scanner.num_channels == num_channels
    assert scanner.signal_shape == (num_channels, 64, 5)


@pytest.mark.parametrize("harmonics", [(), (1,), (0, 3), (3, 3), (3, 5, -3)])
def test_impossible_harmonics_are_refused(harmonics):
    with pytest.raises(InputError, match=r"^Scanner\.harmonics is \["):
        Scanner(harmonics=harmonics)


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize(
    "name",
    [
        "gradient_x_t_per_m",
        "gradient_y_t_per_m",
        "drive_amplitude_t",
        "drive_frequency_hz",
        "field_of_view_x_m",
        "field_of_view_y_m",
    ],
)
def test_impossible_quantities_are_refused(name, value):
    with pytest.raises(InputError, match=rf"^Scanner\.{name} is {value}: it must"):
        Scanner(**{name: value})


@pytest.mark.parametrize("name", ["num_ffp_x", "num_ffp_y"])
def test_a_grid_without_positions_is_refused(name):
    with pytest.raises(InputError, match=rf"^Scanner\.{name} is 0: it must"):
        Scanner(**{name: 0})


def test_a_scanner_is_changed_by_name_its_tracer_too():
    changes = {"gradient_x_t_per_m": 4.0, "particle": {"core_diameter_m": 26e-9}}
    expected = Scanner(gradient_x_t_per_m=4.0, particle=Particle(core_diameter_m=26e-9))
    assert changed_scanner(Scanner(), changes) == expected
    assert changed_scanner(Scanner(), {}) == Scanner()
    assert changed_scanner(Scanner(), {"harmonics": [3]}) == Scanner()


@pytest.mark.parametrize("changes", [{"gradient": 4.0}, {"particle": {"diameter": 26e-9}}])
def test_changes_of_what_a_scanner_does_not_have_are_refused(changes):
    with pytest.raises(InputError, match=r"^true_scanner is \{.*unexpected keyword argument"):
        changed_scanner(Scanner(), changes)


def test_impossible_changes_are_refused_as_such():
    with pytest.raises(InputError, match=r"^true_scanner is .*gradient_x_t_per_m is -1: it must"):
        changed_scanner(Scanner(), {"gradient_x_t_per_m": -1})
    with pytest.raises(InputError, match=r"^true_scanner is \{'harmonics': 3\}"):
        changed_scanner(Scanner(), {"harmonics": 3})
