"""
2. Your scanner
===============

You describe a scanner of your own, see what its noise allows before any training, train a small
cascade for it, and look at the first image.
"""

# %%
# Describe it
# -----------
#
# Lengths are in m, fields in T, gradients in T/m. This scanner has weaker gradients than the one
# of lesson 1, a tracer with smaller cores and better reception (40 dB). What you leave out has
# the value that :doc:`the configuration </reference/configuration>` names.

from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import torch

import mpi_cascade
from mpi_cascade import ForwardModel, Particle, Scanner

mine = Scanner(
    gradient_x_t_per_m=3.0,
    gradient_y_t_per_m=1.5,
    drive_amplitude_t=4e-3,
    num_ffp_x=32,
    num_ffp_y=32,
    particle=Particle(core_diameter_m=23e-9),
)

# %%
# How sharp is it?
# ----------------
#
# The width of the point spread function grows with 1/gradient, and with 1/diameter³ of the cores.

from mpi_cascade.physics.psf import voltage_psf

x_mm = torch.linspace(-3.2, 3.2, 201, dtype=torch.float64)
zero = torch.zeros(1, dtype=torch.float64)
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
for name, scanner in {"reference scanner": Scanner(), "yours": mine}.items():
    psf = voltage_psf(scanner, 3, 1e-3 * x_mm, zero)
    axis.plot(x_mm, psf / psf.abs().max(), label=name)
axis.set(xlabel="distance of the tracer from the FFP along x / mm", ylabel="third harmonic ÷ peak")
axis.legend(frameon=False)

# %%
# What does noise allow?
# ----------------------
#
# However clever a method is, it can't see what noise hides. *d′* (d prime) says how many
# standard deviations of the noise lie between the signal of two discs and that of the single
# object most like them. At 4 an ideal observer, who knows both signals, errs in 2 % of the
# cases; far below, nobody can tell. Here for discs of 0.4 mm:

from mpi_cascade.evaluation.detectability import detectability
from mpi_cascade.phantoms.scenes import PairGeometry

gaps_mm = torch.tensor([0.2, 0.4, 0.6])
num = len(gaps_mm)
pairs = PairGeometry(
    centre_m=torch.zeros(num, 2),
    direction=torch.tensor([[1.0, 0.0]]).expand(num, 2),
    diameter_m=torch.full((num,), 0.4e-3),
    gap_m=1e-3 * gaps_mm,
)
fine = ForwardModel(mine, (192, 192))
for gap_mm, d_prime in zip(gaps_mm, detectability(fine, pairs, peak_snr_db=40), strict=True):
    print(f"gap {gap_mm:.1f} mm: d' = {d_prime:.1f}")

# %%
# Train
# -----
#
# A training is one command. ``configs/quickstart.yaml`` is the base, an overlay changes the
# first network, and the options are your scanner. Here it is called from Python; in a shell it
# begins with ``python -m mpi_cascade fit``. So that it ends within seconds, images have 32 × 32
# pixels and there are 2,400 scans. That is far too few: leave out the last four lines for a real
# one.

from mpi_cascade.cli import main

run = Path(mkdtemp()) / "run"
options = """
    --config ../configs/quickstart.yaml --config ../configs/networks/tikhonov_bank.yaml
    --experiment.scanner.gradient_x_t_per_m 3.0
    --experiment.scanner.gradient_y_t_per_m 1.5
    --experiment.scanner.particle.core_diameter_m 23e-9
    --experiment.peak_snr_db 40
    --experiment.image_shape [32,32]
    --experiment.scanner.num_ffp_x 32 --experiment.scanner.num_ffp_y 32
    --data.batch_size 16 --data.samples_per_epoch 2400 --trainer.max_epochs 1
    --data.num_validation 32 --data.num_test 32 --data.two_points.cases_per_gap 8
    --report.tikhonov false
"""
main(["fit", *options.split(), "--output", str(run)])

# %%
# The first image
# ---------------
#
# ``checkpoints/best.ckpt`` has the best state, and says by itself what it was trained for. Its
# simulator draws test phantoms, which training never saw.

from mpi_cascade.randomness import RandomStreams

cascade = mpi_cascade.load(run / "checkpoints" / "best.ckpt")
experiment = cascade.experiment
sample = experiment.scans.scan(
    experiment.mixture, RandomStreams(seed=0, stream=99, indices=torch.arange(4))
)
final = cascade(sample.signal).final

figure, axes = plt.subplots(3, 4, figsize=(9, 6.8), layout="constrained", sharex=True, sharey=True)
for column in range(4):
    for row, (name, image) in enumerate(
        {"signal": sample.signal, "final": final, "truth": sample.concentration}.items()
    ):
        axes[row, column].imshow(
            image[column, 0], origin="lower", cmap="inferno", extent=(-3.2, 3.2, -3.2, 3.2)
        )
        axes[row, 0].set_ylabel(f"{name}\ny / mm")
    axes[-1, column].set_xlabel("x / mm")

# %%
# What the run left behind
# ------------------------

for path in sorted(run.rglob("*")):
    if path.is_file() and "wandb" not in path.parts:
        print(path.relative_to(run))

# %%
# :doc:`/how-to/train` says what each file is. ``report/comparison.md`` has the metrics, and
# ``report/figure1.png`` pairs of discs at several gaps:

picture = plt.imread(run / "report" / "figure1.png")
figure, axis = plt.subplots(figsize=(8, 8 * picture.shape[0] / picture.shape[1]))
axis.imshow(picture)
axis.axis("off")
figure.subplots_adjust(0, 0, 1, 1)

# %%
# Next steps
# ----------
#
# - Train longer: leave out the options that make it small. The quickstart then takes minutes.
# - If gradient and core diameter are known to a few percent only, say so in the training, or
#   single objects may be split: ``configs/training/scanner_to_5_percent.yaml``.
# - If you can measure a small sample, :doc:`lesson 4 <lesson_4_calibration_to_image>` finds these
#   numbers for you.
