"""The point spread function of the third harmonic, and what gradient and core diameter do to it."""

from dataclasses import replace

import matplotlib.pyplot as plt
import torch

from mpi_cascade import Particle, Scanner
from mpi_cascade.physics.psf import voltage_psf

scanner = Scanner()
position_mm = torch.linspace(-2.5, 2.5, 161, dtype=torch.float64)
x_m = 1e-3 * position_mm
origin = torch.zeros(1, dtype=torch.float64)
figure, (plane, gradients, cores) = plt.subplots(1, 3, figsize=(11, 3.3))
psf = voltage_psf(scanner, 3, x_m, x_m[:, None])
highest = float(psf.abs().max())
plane.imshow(
    psf, origin="lower", extent=(-2.5, 2.5, -2.5, 2.5), cmap="RdBu_r", vmin=-highest, vmax=highest
)
plane.set(title="5 T/m along x, 2.5 along y, 25 nm", xlabel="x / mm", ylabel="y / mm")
for gradient in (2.5, 5.0, 7.5):
    psf = voltage_psf(replace(scanner, gradient_x_t_per_m=gradient), 3, x_m, origin)
    gradients.plot(position_mm, psf / psf.abs().max(), label=f"{gradient} T/m")
for core_nm in (18, 22, 25, 30):
    particle = Particle(core_diameter_m=1e-9 * core_nm)
    psf = voltage_psf(replace(scanner, particle=particle), 3, x_m, origin)
    cores.plot(position_mm, psf / psf.abs().max(), label=f"{core_nm} nm")
for axis, title in ((gradients, "gradient along x, 25 nm"), (cores, "core diameter, 5 T/m")):
    axis.set(title=title, xlabel="x / mm")
    axis.legend(frameon=False, fontsize="small")
