"""What a scanner is expected to resolve."""

import re

import pytest
from experiments import small_experiment

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.detectability import detectability
from mpi_cascade.evaluation.expectation import _finer_shape, expected_resolution, smallest_gap_m
from mpi_cascade.evaluation.least_favourable import central_pairs
from mpi_cascade.models.data_consistency import DataConsistentRefinement
from mpi_cascade.models.refinement import ResidualCNN, ResidualUNet
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.convolution import common_lattice
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

SMALL = Scanner(num_ffp_x=32, num_ffp_y=32)


def test_there_the_ideal_observer_just_tells():
    """On the whole field of view, with as many positions and the same pixels."""
    diameter_m = 0.6e-3
    gap_m = smallest_gap_m(SMALL, diameter_m, 0.0, 25.0)
    model = ForwardModel(SMALL, (128, 128))
    gaps_mm = (1e3 * gap_m / 1.3, 1e3 * gap_m * 1.3)
    pairs = central_pairs(TwoPoints(gaps_mm=gaps_mm, diameter_mm=1e3 * diameter_m))
    less, more = detectability(model, pairs, 25.0).tolist()
    assert less < 4 < more


def test_less_noise_and_more_gradient_show_smaller_gaps():
    gap_m = smallest_gap_m(SMALL, 0.6e-3, 0.0, 30.0)
    assert 0 < smallest_gap_m(SMALL, 0.6e-3, 0.0, 40.0) < gap_m < 0.4e-3
    # Across the drive direction the PSF is wider and the gradient lower.
    assert smallest_gap_m(SMALL, 0.6e-3, 90.0, 30.0) > 1.5 * gap_m
    assert smallest_gap_m(SMALL, 0.6e-3, 90.0, -40.0) == float("inf")


def test_the_sentence_says_whether_the_pixels_carry_it(experiment):
    found = expected_resolution(experiment, TwoPoints(diameter_mm=1.6))
    assert re.match(r"expected resolution: at 30 dB an ideal observer .* 1\.6 mm .* along x", found)
    assert "Pixels of 0.4 × 0.4 mm are too large to show that along x" in found
    wanted = int(re.search(r"image_shape \[16, (\d+)\] would do", found)[1])
    assert 16 < wanted < 400 and wanted % 2 == 0
    noisy = small_experiment(peak_snr_db=5.0)
    assert expected_resolution(noisy, TwoPoints()).endswith("Pixels of 0.4 × 0.4 mm carry that.")


@pytest.mark.parametrize(
    ("refinement", "least", "advised"),
    [
        # A U-Net of three scales halves its images three times.
        (ResidualUNet((4, 4, 4)), (1.0, 2.1), (16, 40)),
        (ResidualUNet((4, 4, 4)), (2.1, 2.1), (40, 40)),
        (DataConsistentRefinement(ResidualUNet((4, 4), num_channels=5)), (1.0, 2.1), (16, 36)),
        (ResidualCNN(2, 2), (1.0, 2.1), (16, 34)),
    ],
)
def test_the_shape_that_is_advised_is_one_that_networks_and_simulation_take(
    refinement, least, advised
):
    assert _finer_shape(small_experiment(refinement=refinement), least) == advised
    small_experiment(refinement=refinement, image_shape=advised)


def test_no_shape_is_advised_that_has_no_lattice_in_common_with_the_positions():
    experiment = small_experiment(refinement=ResidualCNN(2, 2))
    with pytest.raises(InputError, match="no lattice in common"):
        common_lattice((2 * 129, 2 * 129), (16, 16))
    assert _finer_shape(experiment, (8.05, 8.05)) == (130, 130)
    assert _finer_shape(experiment, (70.0, 70.0)) is None


@pytest.mark.slow
def test_the_reference_scanner_sees_a_tenth_of_a_millimetre():
    assert smallest_gap_m(Scanner(), 0.4e-3, 0.0, 30.0) == pytest.approx(0.11e-3, rel=0.1)
