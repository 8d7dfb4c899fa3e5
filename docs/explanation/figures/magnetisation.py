"""How particles follow the drive field at the FFP and beside it, and the harmonics of that."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from mpi_cascade import Scanner
from mpi_cascade.physics.particle import langevin_ratio


def langevin(xi: torch.Tensor) -> torch.Tensor:
    """Returns the magnetisation ÷ saturation in equilibrium, coth ξ − 1/ξ."""
    return xi * langevin_ratio(xi)


scanner = Scanner()
beta = scanner.particle.field_sensitivity_per_t
phase = torch.linspace(0, 2 * np.pi, 2001, dtype=torch.float64)[:-1]
figure, (curve, time, spectrum) = plt.subplots(1, 3, figsize=(11, 3))
field_mt = torch.linspace(-10, 10, 201, dtype=torch.float64)
curve.plot(field_mt, langevin(beta * 1e-3 * field_mt))
curve.set(xlabel="field / mT", ylabel="magnetisation ÷ saturation", title="Langevin curve")
for number, distance_mm in enumerate((0.0, 2.0)):
    offset_t = 1e-3 * distance_mm * scanner.gradient_x_t_per_m
    magnetisation = langevin(beta * (offset_t + scanner.drive_amplitude_t * torch.cos(phase)))
    time.plot(phase / (2 * np.pi), magnetisation, label=f"{distance_mm:g} mm from the FFP")
    harmonics = 2 * np.abs(np.fft.rfft(magnetisation.numpy()))[1:8] / len(phase)
    spectrum.bar(np.arange(1, 8) + 0.4 * number - 0.2, harmonics, width=0.4)
time.set(xlabel="time ÷ period of the drive field", title="magnetisation", ylim=(-1.1, 1.6))
time.legend(frameon=False)
spectrum.set(xlabel="harmonic", yscale="log", ylim=(1e-4, 2), title="its harmonics")
