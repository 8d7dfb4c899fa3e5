"""The scanners that one training is for."""

from dataclasses import replace

import pytest

from mpi_cascade.checks import InputError
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.scans.scanner_range import ScannerRange

NOMINAL = Scanner()
RANGE = ScannerRange(num_scanners=24)


def test_scanners_lie_in_their_ranges_and_are_always_the_same():
    scanners = RANGE.scanners(NOMINAL)
    assert scanners == ScannerRange(num_scanners=30).scanners(NOMINAL)[:24]
    assert len(set(map(repr, scanners))) == 24
    for scanner in scanners:
        assert 0.5 <= scanner.gradient_x_t_per_m / NOMINAL.gradient_x_t_per_m <= 1.5
        assert 0.5 <= scanner.gradient_y_t_per_m / NOMINAL.gradient_y_t_per_m <= 1.5
        assert 18e-9 <= scanner.particle.core_diameter_m <= 30e-9
        assert 2e-3 <= scanner.drive_amplitude_t <= 8e-3
        assert 0 <= scanner.particle.diameter_log_std <= 0.2
        assert scanner.field_of_view_m == NOMINAL.field_of_view_m
    kinds = {(scanner.harmonics, scanner.num_ffp_x) for scanner in scanners}
    assert kinds == {(some, num) for some in RANGE.harmonics for num in RANGE.num_positions}


def test_another_seed_draws_other_scanners_of_the_same_kinds():
    scanners, others = RANGE.scanners(NOMINAL), replace(RANGE, seed=1).scanners(NOMINAL)
    for one, other in zip(scanners, others, strict=True):
        assert one.particle.core_diameter_m != other.particle.core_diameter_m
        assert (one.harmonics, one.num_ffp_x) == (other.harmonics, other.num_ffp_x)


def test_a_scanner_of_the_training_departs_in_nothing():
    for scanner in RANGE.scanners(NOMINAL)[:4]:
        assert RANGE.departures(scanner, scanner.ffp_shape, NOMINAL) == []


def test_half_the_gradients_over_twice_the_field_are_the_same_problem():
    scanner = RANGE.scanners(NOMINAL)[2]
    wider = replace(
        scanner, gradient_x_t_per_m=scanner.gradient_x_t_per_m / 2,
        gradient_y_t_per_m=scanner.gradient_y_t_per_m / 2,
        field_of_view_x_m=2 * scanner.field_of_view_x_m,
        field_of_view_y_m=2 * scanner.field_of_view_y_m,
    )  # fmt: skip
    assert RANGE.departures(wider, wider.ffp_shape, NOMINAL) == []


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        (
            {"gradient_x_t_per_m": 50.0, "gradient_y_t_per_m": 25.0},
            "1/βG along x in pixels 0.227, in training 0.524",
        ),
        ({"gradient_y_t_per_m": 25.0}, "gradient along y ÷ along x 5, in training"),
        ({"harmonics": (5,)}, "harmonics [5], in training [3] or [2] or [2, 3]"),
        ({"drive_amplitude_t": 0.05}, "drive field in units of 1/β"),
        ({"particle": Particle(diameter_log_std=0.4)}, "σ of the log-normal cores 0.4"),
        ({"particle": Particle(relaxation_time_s=5e-6)}, "relaxation in drive periods 0.125"),
    ],
)
def test_what_leaves_the_training_is_said_quantity_by_quantity(changes, phrase):
    departures = RANGE.departures(replace(NOMINAL, **changes), (64, 64), NOMINAL)
    assert any(phrase in departure for departure in departures), departures


def test_what_leaves_the_training_along_y_alone_is_said():
    # Neither 1/βG along x nor the ratio of the gradients does.
    sharp = replace(
        NOMINAL, gradient_x_t_per_m=5.0, gradient_y_t_per_m=4.5, num_ffp_x=32, num_ffp_y=32,
        particle=replace(NOMINAL.particle, core_diameter_m=28e-9),
    )  # fmt: skip
    (departure,) = RANGE.departures(sharp, (32, 32), NOMINAL)
    assert departure.startswith("1/βG along y in pixels 0.898, in training 1.39")


def test_harmonics_that_have_two_turns_are_named_once():
    twice = replace(RANGE, harmonics=((3,), (2,), (2,)))
    assert [one.harmonics for one in twice.scanners(NOMINAL)[::3]][:3] == [(3,), (2,), (2,)]
    (departure,) = twice.departures(replace(NOMINAL, harmonics=(5,)), (64, 64), NOMINAL)
    assert departure == "harmonics [5], in training [3] or [2]"


def test_more_positions_than_pixels_are_said():
    departures = RANGE.departures(replace(NOMINAL, num_ffp_x=128), (64, 64), NOMINAL)
    assert departures == ["FFP positions per pixel along x 2, in training 1 … 1"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"gradient_x": (1.5, 0.5)}, "ScannerRange.gradient_x is"),
        ({"core_diameter_m": (0.0, 1e-8)}, "ScannerRange.core_diameter_m is"),
        ({"num_positions": ()}, "ScannerRange.num_positions is empty"),
        ({"diameter_log_std": -1.0}, "ScannerRange.diameter_log_std is -1.0"),
        ({"num_scanners": 0}, "ScannerRange.num_scanners is 0"),
    ],
)
def test_bad_ranges_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        ScannerRange(**options)
