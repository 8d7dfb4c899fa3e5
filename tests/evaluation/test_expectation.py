"""What a scanner is expected to resolve."""

import re

import pytest
import torch
from experiments import small_experiment

from mpi_cascade.evaluation.detectability import detectability
from mpi_cascade.evaluation.expectation import (
    expected_resolution,
    quick_detectability,
    smallest_gap_m,
)
from mpi_cascade.evaluation.least_favourable import central_pairs
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

SMALL = Scanner(num_ffp_x=32, num_ffp_y=32)


def test_the_quick_distance_is_that_of_the_search():
    """Where it is about 4, which is where it counts."""
    model = ForwardModel(SMALL, (64, 64))
    pairs = central_pairs(TwoPoints(gaps_mm=(0.1, 0.2), diameter_mm=0.6))
    quick = quick_detectability(model, pairs, 25.0)
    exact = detectability(model, pairs, 25.0).double()
    assert 1 < exact[0] < 8
    torch.testing.assert_close(quick[0], exact[0], rtol=0.1, atol=0)
    assert (quick > 0.98 * exact).all()


def test_less_noise_and_more_gradient_show_smaller_gaps():
    gap_m = smallest_gap_m(SMALL, 0.6e-3, 0.0, 30.0)
    assert 0.02e-3 < smallest_gap_m(SMALL, 0.6e-3, 0.0, 40.0) < gap_m < 0.4e-3
    # Across the drive direction the PSF is wider and the gradient lower.
    assert smallest_gap_m(SMALL, 0.6e-3, 90.0, 30.0) > 1.5 * gap_m
    assert smallest_gap_m(SMALL, 0.6e-3, 90.0, -40.0) == float("inf")


def test_the_sentence_says_whether_the_pixels_carry_it():
    coarse = small_experiment()
    found = expected_resolution(coarse, TwoPoints(diameter_mm=1.6))
    assert re.match(r"expected resolution: at 30 dB an ideal observer .* 1\.6 mm .* along x", found)
    assert "Pixels of 0.4 × 0.4 mm are too large to show that along x" in found
    wanted = re.search(r"image_shape \[16, (\d+)\] would do", found)
    assert wanted
    assert 16 < int(wanted[1]) < 400
    noisy = small_experiment(peak_snr_db=5.0)
    assert expected_resolution(noisy, TwoPoints()).endswith("Pixels of 0.4 × 0.4 mm carry that.")


@pytest.mark.slow
def test_the_reference_scanner_sees_a_tenth_of_a_millimetre():
    assert smallest_gap_m(Scanner(), 0.4e-3, 0.0, 30.0) == pytest.approx(0.11e-3, rel=0.1)
