"""
4. From a calibration measurement to a reconstruction
=====================================================

Real scanners differ from their data sheets. A small sample of tracer that is moved through the
scanner shows what the scanner really does. In this lesson such a measurement becomes a
configuration, the configuration a trained cascade, and a file of scans images.
"""

# %%
# The measurement
# ---------------
#
# No file of a real scanner comes with this project, so the lesson makes one. A robot moves a
# sample, a square of 6 mm, along seven lines of 13 positions. At each position the receive coil
# records one period of the drive field. Before each line the scanner is measured empty, the
# *background*.
#
# Four things are as in a real measurement, and unknown to what follows: the FFP isn't where the
# robot believes it is, the chain of the receiver turns and scales each harmonic, the drive field
# couples into the coil, and there is noise.

from pathlib import Path
from tempfile import mkdtemp

import h5py
import matplotlib.pyplot as plt
import numpy as np
import torch

from mpi_cascade import Particle, Scanner
from mpi_cascade.physics.psf import harmonic_psfs

directory = Path(mkdtemp())
harmonics = [2, 3, 4, 5, 6]
true_scanner = Scanner(
    gradient_x_t_per_m=0.45,
    gradient_y_t_per_m=0.9,
    drive_amplitude_t=8e-3,
    particle=Particle(core_diameter_m=22e-9),
)
line_x_m, line_y_m = np.linspace(-36e-3, 36e-3, 13), np.linspace(-18e-3, 18e-3, 7)
robot_x, robot_y = np.meshgrid(line_x_m, line_y_m)
in_sample_m = torch.linspace(-3e-3, 3e-3, 12, dtype=torch.float64)
voltage = torch.tensor(harmonics)[:, None, None] * harmonic_psfs(
    true_scanner, harmonics,
    torch.tensor(robot_x - 1.5e-3)[..., None, None] + in_sample_m,
    torch.tensor(robot_y + 1.0e-3)[..., None, None] + in_sample_m[:, None],
).mean((-2, -1))  # fmt: skip

rng = np.random.default_rng(0)
peak = np.abs(voltage.numpy()).max(axis=(1, 2), keepdims=True)
noise = 0.01 * peak * (rng.normal(size=(2, *voltage.shape)).T @ np.array([1, 1j])).T
chain = (np.array([3.0, 1.0, 2.0, 0.5, 4.0]) * np.exp(1j * rng.uniform(0, 6, 5)))[:, None, None]
spectra = np.zeros((7, 14, 33), complex)
spectra[:, 1:, 2:7] = np.moveaxis(chain * (voltage.numpy() + noise), 0, -1)
spectra[:, :, 2:7] += 0.1 * (peak * chain)[:, 0, 0]
with h5py.File(directory / "sample.h5", "w") as file:
    file["matrix"] = np.fft.irfft(spectra).reshape(-1, 64)

# %%
# Calibrate
# ---------
#
# ``calibrate`` finds the scanner that explains all harmonics at all positions. The positions and
# the drive field are given with the file. An MDF file has them inside, and needs no options. The
# last two options say what the scans will be: 32 × 32 positions of the FFP over 78 × 42 mm.

from mpi_cascade.cli import main

options = """
    --x-mm -36 36 13 --y-mm -18 18 7 --drive-mt 8 --drive-khz 25 --sample-mm 6
    --ffp-grid 32 32 --region-mm 78 42
"""
main(
    ["calibrate", str(directory / "sample.h5"), *options.split(),
     "--output", str(directory / "calibrated")]
)  # fmt: skip

# %%
# The truth was 0.45 and 0.9 T/m, 22 nm, and an FFP at (1.5, −1) mm. Always look at the picture:
# dots are measured, lines are fitted, and what is left over stands below.

picture = plt.imread(directory / "calibrated" / "calibration.png")
figure, axis = plt.subplots(figsize=(11, 11 * picture.shape[0] / picture.shape[1]))
axis.imshow(picture)
axis.axis("off")
figure.subplots_adjust(0, 0, 1, 1)

# %%
# Train
# -----
#
# ``scanner.yaml`` is an overlay of the configuration. It has the scanner and its noise; phantoms
# will be as large as this scanner needs:

print((directory / "calibrated" / "scanner.yaml").read_text()[:700], "…")

# %%
# Again the last lines make it a training of seconds, for the lesson alone.

options = f"""
    --config ../configs/quickstart.yaml --config ../configs/networks/tikhonov_bank.yaml
    --config {directory / "calibrated" / "scanner.yaml"}
    --output {directory / "run"}
    --data.batch_size 16 --data.samples_per_epoch 2400 --trainer.max_epochs 1
    --data.num_validation 32 --data.num_test 32 --data.two_points.cases_per_gap 8
    --report.tikhonov false
"""
main(["fit", *options.split()])

# %%
# Reconstruct
# -----------
#
# ``reconstruct`` reads scans from MDF, HDF5 or npy files. Here ``predict`` makes a file of
# simulated scans, so that the truth is known.

best = str(directory / "run" / "checkpoints" / "best.ckpt")
main(["predict", best, "--data.num_test", "8", "--output", str(directory / "scans")])
main(
    ["reconstruct", best, str(directory / "scans" / "scans.mdf"),
     "--output", str(directory / "images")]
)  # fmt: skip

# %%
# For every scan the command says how strong it is, how noisy, how well the image explains it, and
# whether it is unlike the scans of the training. ``images.png`` shows them:

picture = plt.imread(directory / "images" / "images.png")
figure, axis = plt.subplots(figsize=(8, 8 * picture.shape[0] / picture.shape[1]))
axis.imshow(picture)
axis.axis("off")
figure.subplots_adjust(0, 0, 1, 1)

# %%
# Next steps
# ----------
#
# - :doc:`/how-to/calibrate` has the whole command, :doc:`/how-to/reconstruct` the files.
# - Where you measured a whole system matrix, it can take the place of the model:
#   :doc:`/how-to/system-matrix`.
