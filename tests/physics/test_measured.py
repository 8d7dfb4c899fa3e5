import h5py
import numpy as np
import pytest
import torch
from public_data import measured
from scipy import optimize

from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.psf import harmonic_psf
from mpi_cascade.physics.scanner import Scanner

HARMONICS = (2, 3, 4, 5, 6)
POSITIONS_M = np.arange(-40, 41, 10) * 1e-3
SAMPLE_SIZE_M = 10e-3


@pytest.fixture
def central_line():
    """Returns the signed profile of each harmonic over the robot's positions."""
    with h5py.File(measured("delta_sample_3lines.h5")) as file:
        background, *line = file["matrix"][10:20]
    spectrum = np.fft.rfft(np.array(line) - background, axis=1)[:, HARMONICS].T
    # The phase that leaves the least in quadrature.
    phase = np.angle((spectrum**2).sum(axis=1, keepdims=True)) / 2
    return (spectrum * np.exp(-1j * phase)).real


def langevin_profiles(gradient_t_per_m, core_diameter_nm, offset_mm):
    """Returns each harmonic of the 5 mT drive, averaged over the length of the sample."""
    scanner = Scanner(
        gradient_x_t_per_m=float(gradient_t_per_m),
        drive_amplitude_t=5e-3,
        particle=Particle(core_diameter_m=float(core_diameter_nm) * 1e-9),
    )
    nodes, weights = np.polynomial.legendre.leggauss(6)
    x_m = POSITIONS_M[:, None] + SAMPLE_SIZE_M / 2 * nodes - 1e-3 * offset_mm
    y_m = torch.zeros(1, 1, dtype=torch.float64)
    x_m = torch.from_numpy(x_m)
    return np.array([harmonic_psf(scanner, n, x_m, y_m).numpy() @ weights / 2 for n in HARMONICS])


def test_a_joint_langevin_fit_explains_the_measured_central_line(central_line):
    def fitted(parameters):
        profiles = langevin_profiles(*parameters)
        scale = (profiles * central_line).sum(axis=1) / (profiles**2).sum(axis=1)
        return scale[:, None] * profiles

    norm = np.linalg.norm(central_line, axis=1, keepdims=True)
    fit = optimize.least_squares(
        lambda parameters: ((fitted(parameters) - central_line) / norm).ravel(),
        x0=[0.2, 20.0, 0.0],
        bounds=([0.02, 5.0, -20.0], [2.0, 60.0, 20.0]),
    )
    unexplained = ((fitted(fit.x) - central_line) ** 2).sum(axis=1)
    spread = central_line - central_line.mean(axis=1, keepdims=True)
    r_squared = 1 - unexplained / (spread**2).sum(axis=1)
    assert r_squared.min() >= 0.96
