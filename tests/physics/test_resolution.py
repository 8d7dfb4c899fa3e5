"""What lengths a scanner sets for phantoms."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.psf import voltage_psf
from mpi_cascade.physics.resolution import length_scale, psf_detail_m
from mpi_cascade.physics.scanner import Scanner

REFERENCE = Scanner()


@pytest.mark.parametrize(
    "scanner",
    [REFERENCE, Scanner(harmonics=(2, 5)), Scanner(particle=Particle(relaxation_time_s=2e-6))],
    ids=["reference", "two harmonics", "relaxation"],
)
def test_the_detail_is_that_of_the_root_mean_square_of_frequencies(scanner):
    num, width_m = 8192, 20e-3
    x_m = (torch.arange(num, dtype=torch.float64) / num - 0.5) * width_m
    power = 0.0
    for harmonic in scanner.harmonics:
        values = voltage_psf(scanner, harmonic, x_m, torch.zeros_like(x_m)).numpy()
        power = power + np.abs(np.fft.fft(values)) ** 2
    frequencies = np.fft.fftfreq(num, width_m / num)
    mean_square = (frequencies**2 * power).sum() / power.sum()
    expected = 1 / (2 * np.pi * np.sqrt(mean_square))
    assert psf_detail_m(scanner) == pytest.approx(expected, rel=5e-3)


def test_the_reference_scanner_keeps_its_lengths_whatever_its_positions():
    assert length_scale(REFERENCE, (64, 64)) == 1
    assert length_scale(replace(REFERENCE, num_ffp_x=16, num_ffp_y=32), (64, 64)) == 1
    assert length_scale(REFERENCE, (128, 128)) == 1


def test_lengths_follow_the_gradient_the_core_and_the_pixels():
    assert length_scale(replace(REFERENCE, gradient_x_t_per_m=2.5), (64, 64)) == 2
    coarse = replace(REFERENCE, gradient_x_t_per_m=3.0, particle=Particle(core_diameter_m=20e-9))
    assert 2 < length_scale(coarse, (64, 64)) < 3
    assert length_scale(replace(REFERENCE, gradient_x_t_per_m=10.0), (128, 128)) == 0.5
    assert length_scale(REFERENCE, (32, 64)) == 2
    assert length_scale(replace(REFERENCE, num_ffp_y=1), (1, 64)) == 1
