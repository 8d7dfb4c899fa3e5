"""Simulated scans of a small sample, as a robot and a raw data file would give them."""

import functools
from pathlib import Path

import numpy as np
import torch
from mdf_files import write_hdf5

from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.psf import voltage_psf
from mpi_cascade.physics.scanner import Scanner

DRIVE_T = 5e-3
NUM_SAMPLES = 64
X_M = np.linspace(-30e-3, 30e-3, 13)
Y_M = np.linspace(-10e-3, 15e-3, 4)
TRUTH = {
    "gradient_x_t_per_m": 0.3,
    "gradient_y_t_per_m": 0.6,
    "core_diameter_m": 22e-9,
    "offset_x_m": 2.5e-3,
    "offset_y_m": 1.0e-3,
    "sample_size_m": 8e-3,
    "sensitivity_slope_per_m": 3.0,
}
FEED_THROUGH = 0.1


@functools.lru_cache
def profiles(y_m: tuple[float, ...]) -> np.ndarray:
    """Returns the harmonics 2 … 6 of the voltage, (harmonics, positions), line by line.

    The sample is averaged over midpoints, not by the quadrature of the fit: over a square, or along
    x alone on a single line.
    """
    scanner = Scanner(
        gradient_x_t_per_m=TRUTH["gradient_x_t_per_m"],
        gradient_y_t_per_m=TRUTH["gradient_y_t_per_m"],
        drive_amplitude_t=DRIVE_T,
        particle=Particle(core_diameter_m=TRUTH["core_diameter_m"]),
    )
    num_x, num_y = (40, 1) if len(y_m) == 1 else (16, 16)
    grid_x_m, grid_y_m = np.tile(X_M, len(y_m)), np.repeat(y_m, len(X_M))
    x = torch.from_numpy(grid_x_m - TRUTH["offset_x_m"])[:, None, None] + midpoints(num_x)
    y = torch.from_numpy(grid_y_m - TRUTH["offset_y_m"])[:, None, None] + midpoints(num_y)[:, None]
    voltage = np.stack([voltage_psf(scanner, n, x, y).numpy().mean((1, 2)) for n in range(2, 7)])
    return voltage * (1 + TRUTH["sensitivity_slope_per_m"] * grid_x_m)


def midpoints(num: int) -> torch.Tensor:
    fractions = (torch.arange(num, dtype=torch.float64) + 0.5) / num - 0.5
    return TRUTH["sample_size_m"] * fractions


def rows(y_m: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """Returns drive periods in time, (lines, 1 + positions, samples), the background first.

    Args:
        y_m: The y of each line in m; a line through the FFP needs ``offset_y_m``.
        noise: Standard deviation of each harmonic's parts, relative to its own peak.
        seed: Of the noise.
    """
    rng = np.random.default_rng(seed)
    clean = profiles(tuple(y_m))
    peak = np.abs(clean).max(axis=1, keepdims=True)
    draws = rng.normal(size=(2, *clean.shape))
    # The receive chain turns and scales every harmonic by an amount of its own.
    chain = np.array([3.0, 1.0, 2.0, 0.5, 4.0]) * np.exp(1j * np.array([0.3, 2, -1, 1.2, -0.4]))
    spectra = (clean + noise * peak * (draws[0] + 1j * draws[1])) * chain[:, None]
    feed_through = FEED_THROUGH * peak[:, 0] * chain * np.exp(0.7j)
    periods = np.zeros((len(y_m), 1 + len(X_M), NUM_SAMPLES // 2 + 1), np.complex128)
    periods[:, 1:, 2:7] = spectra.reshape(5, len(y_m), len(X_M)).transpose(1, 2, 0)
    periods[:, :, 2:7] += feed_through
    return np.fft.irfft(periods)


def write_rows(path: Path, y_m: np.ndarray, noise: float, seed: int = 0) -> Path:
    return write_hdf5(path, {"matrix": rows(y_m, noise, seed).reshape(-1, NUM_SAMPLES)})
