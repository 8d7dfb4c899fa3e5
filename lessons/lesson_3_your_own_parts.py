"""
3. Your own phantom, loss and network
=====================================

Phantoms, losses and networks are ordinary Python classes. You write three of your own in a file,
name them in a configuration by their import path, and train with them.
"""

# %%
# The parts
# ---------
#
# Put them into a file that Python can import: one in the working directory will do. This is
# ``my_parts.py``, which lies beside this lesson:
#
# .. literalinclude:: my_parts.py
#    :language: python
#
# Three rules are all there is to know.
#
# - **A phantom** is a :py:class:`~mpi_cascade.phantoms.family.PhantomFamily`: it turns random
#   numbers between 0 and 1 into shapes. It draws no random numbers itself, so that every scan is
#   the same on any machine and for any batch size. Its sizes are fields, which a configuration
#   can set.
# - **A loss** is a torch module called as ``loss(estimate, truth)``, on images ``(batch, 1, y,
#   x)``. Those of ``torch.nn`` serve as they are.
# - **A network** is a torch module. As second stage it turns an image into an image. As first
#   stage it turns a signal ``(batch, channel, y, x)`` into an image.

import sys
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import torch

import mpi_cascade

sys.path.append(".")

# %%
# Look before you train
# ---------------------
#
# An :py:class:`~mpi_cascade.experiment.Experiment` is a scanner with its phantoms and both
# networks. Built in Python, it shows what training would see.

from my_parts import Crosses, SmallNetwork

from mpi_cascade import Experiment, Scanner
from mpi_cascade.models.preliminary import FixedTikhonov
from mpi_cascade.randomness import RandomStreams

experiment = Experiment(
    preliminary=FixedTikhonov(),
    refinement=SmallNetwork(),
    scanner=Scanner(num_ffp_x=32, num_ffp_y=32),
    image_shape=(32, 32),
    phantoms={"crosses": Crosses(width_mm=(0.4, 0.8))},
)
sample = experiment.scans.scan(
    experiment.mixture, RandomStreams(seed=0, stream=0, indices=torch.arange(5))
)
figure, axes = plt.subplots(2, 5, figsize=(10, 4.2), layout="constrained")
for column in range(5):
    axes[0, column].imshow(sample.concentration[column, 0], origin="lower", cmap="inferno")
    axes[1, column].imshow(sample.signal[column, 0], origin="lower", cmap="inferno")
    for axis in axes[:, column]:
        axis.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("phantom")
axes[1, 0].set_ylabel("signal")

# %%
# Train with them
# ---------------
#
# In a configuration each part goes by its import path, with its arguments beside it. This overlay
# changes the quickstart:

overlay = """
experiment:
  image_shape: [32, 32]
  scanner: {num_ffp_x: 32, num_ffp_y: 32}
  phantoms:
    crosses: {class_path: my_parts.Crosses, init_args: {width_mm: [0.4, 0.8]}}
  preliminary: FixedTikhonov
  refinement: {class_path: my_parts.SmallNetwork, init_args: {num_features: 24}}
model:
  final_loss: {class_path: my_parts.EdgeLoss, init_args: {weight: 3.0}}
data:
  batch_size: 16
  samples_per_epoch: 3200
  num_validation: 32
  num_test: 32
  two_points: {cases_per_gap: 8}
trainer:
  max_epochs: 1
  log_every_n_steps: 10
report:
  tikhonov: false
"""
directory = Path(mkdtemp())
(directory / "crosses.yaml").write_text(overlay)

from mpi_cascade.cli import main

main(
    [
        "fit", "--config=../configs/quickstart.yaml", f"--config={directory / 'crosses.yaml'}",
        f"--output={directory / 'run'}",
    ]
)  # fmt: skip

# %%
# What came out
# -------------
#
# ``metrics.csv`` has every logged value, the loss among them.

import csv

with (directory / "run" / "metrics.csv").open() as file:
    rows = [row for row in csv.DictReader(file) if row["train/loss"]]

cascade = mpi_cascade.load(directory / "run" / "checkpoints" / "best.ckpt")
preliminary, final = cascade(sample.signal)

figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained")
axes[0].plot([int(row["step"]) for row in rows], [float(row["train/loss"]) for row in rows])
axes[0].set(xlabel="step", title="loss", yscale="log")
for axis, (name, image) in zip(
    axes[1:],
    {"truth": sample.concentration, "preliminary": preliminary, "final": final}.items(),
    strict=True,
):
    axis.imshow(image[1, 0], origin="lower", cmap="inferno", vmin=0, vmax=1)
    axis.set(title=name, xticks=[], yticks=[])

# %%
# A warning
# ---------
#
# This cascade has seen nothing but crosses. Show it a ring, and it answers with what it knows:

position = torch.arange(32) - 15.5
radius = torch.hypot(position, position[:, None])
ring = ((radius > 5) & (radius < 8)).float()[None, None]
image = cascade(experiment.forward_model(ring)).final
figure, axes = plt.subplots(1, 2, figsize=(5, 2.7), layout="constrained")
for axis, (name, shown) in zip(axes, {"truth": ring, "final": image}.items(), strict=True):
    axis.imshow(shown[0, 0], origin="lower", cmap="inferno", vmin=0, vmax=1)
    axis.set(title=name, xticks=[], yticks=[])
print(f"largest error {float((image - ring).abs().max()):.2f} of the full concentration")

# %%
# A network is only as good as its phantoms. Keep the shipped families beside your own: name them
# in ``experiment.phantoms`` too, and weigh them with ``experiment.phantom_weights``.
#
# :doc:`/reference/parts` lists the shipped phantoms, losses, networks, disturbances and
# strategies.
