"""
5. Read a comparison, and see through a false one
=================================================

"Our network resolves 0.2 mm." Such a sentence can be true and worth nothing. In this lesson a
method that simply cuts every object in two beats all others, until it is asked the right
question.
"""

# %%
# Three methods
# -------------
#
# Tikhonov's image, the shipped cascade, and a *cutter*. The cutter takes the cascade's image, finds
# the middle and the long axis of whatever is there, and draws a dark line across it.

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

import mpi_cascade
from mpi_cascade.solvers.tikhonov import Tikhonov

cascade = mpi_cascade.load("../weights/reference.ckpt")
experiment = cascade.experiment
size_m = experiment.scanner.field_of_view_m
tikhonov = Tikhonov(experiment.forward_model, relative_regularisation=1e-3)

axis_m = ((torch.arange(64) + 0.5) / 64 - 0.5) * size_m[0]
y_m, x_m = torch.meshgrid(axis_m, axis_m, indexing="ij")


def cutter(signal: Tensor) -> Tensor:
    """Returns the cascade's images with a dark line across the middle of what they show."""
    image = cascade(signal).final
    weight = image.clamp_min(0) * (image > 0.3 * image.amax((2, 3), keepdim=True))
    weight = weight / weight.sum((2, 3), keepdim=True)
    x = x_m - (weight * x_m).sum((2, 3), keepdim=True)
    y = y_m - (weight * y_m).sum((2, 3), keepdim=True)
    xx, yy, xy = ((weight * product).sum((2, 3)) for product in (x * x, y * y, x * y))
    angle = 0.5 * torch.atan2(2 * xy, xx - yy)[..., None, None]
    along_m = x * angle.cos() + y * angle.sin()
    return image * (1 - torch.exp(-((along_m / 0.12e-3) ** 2)))


methods: dict[str, Callable[[Tensor], Tensor]] = {
    "Tikhonov": tikhonov,
    "cutter": cutter,
    "cascade": lambda signal: cascade(signal).final,
}

# %%
# The false comparison
# --------------------
#
# Scan pairs of discs, 0.4 mm wide and 0.1 to 0.5 mm apart, 40 of each gap, at random places.
# Count a pair as resolved if its dip is at least 0.265, as Rayleigh has it.

from mpi_cascade.metrics.resolution import RAYLEIGH_DIP, pair_dip
from mpi_cascade.phantoms.nulls import Nulls
from mpi_cascade.phantoms.scenes import Scene, TwoPoints
from mpi_cascade.randomness import RandomStreams


def dips_of(scene: Scene, num: int) -> dict[str, np.ndarray]:
    """Returns the dip of every scan of a scene in the image of every method."""
    found: dict[str, list[Tensor]] = {name: [] for name in methods}
    for indices in torch.arange(num).split(50):
        sample = experiment.scans.scan(scene, RandomStreams(seed=5, stream=9, indices=indices))
        for name, method in methods.items():
            found[name].append(pair_dip(method(sample.signal), sample.pairs, size_m))
    return {name: torch.cat(dips).numpy() for name, dips in found.items()}


pairs = TwoPoints(gaps_mm=(0.1, 0.2, 0.3, 0.5), diameter_mm=0.4, cases_per_gap=40)
of_pairs = {name: dips.reshape(4, 40) for name, dips in dips_of(pairs, 160).items()}

print("resolved by Rayleigh's dip at 0.1, 0.2, 0.3, 0.5 mm")
for name, dips in of_pairs.items():
    shares = 100 * (dips >= RAYLEIGH_DIP).mean(axis=1)
    print(f"{name:9}", " ".join(f"{share:4.0f} %" for share in shares))

# %%
# The cutter wins. A paper that stops here has shown nothing.
#
# The question that was missing
# -----------------------------
#
# What does each method make of *single* objects? Those are the *nulls*: capsules, ellipses,
# bars, filled dumb-bells and bent capsules. Each is given the places of the two discs that it
# might be taken for, and the dip between them is measured in the same way.

of_nulls = dips_of(Nulls(), 300)
print("single objects that Rayleigh's dip calls two:")
for name, dips in of_nulls.items():
    print(f"{name:9} {100 * (dips >= RAYLEIGH_DIP).mean():4.0f} %")

# %%
# Equal false alarms
# ------------------
#
# To be fair, every method may be wrong equally often. Its own *threshold* is the smallest dip
# that at most 1 % of the nulls reach. A pair counts as resolved from there on.

from mpi_cascade.evaluation.confidence import wilson_interval
from mpi_cascade.evaluation.operating_points import threshold_at

thresholds = {name: threshold_at(dips) for name, dips in of_nulls.items()}
print("resolved where 1 % of the nulls are split, at 0.1, 0.2, 0.3, 0.5 mm")
for name, dips in of_pairs.items():
    shares = 100 * (dips >= thresholds[name]).mean(axis=1)
    row = " ".join(f"{share:4.0f} %" for share in shares)
    print(f"{name:9} {row}   (threshold {thresholds[name]:.2f})")

figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained", sharey=True)
bins = np.linspace(0, 1.6, 33)
for axis, name in zip(axes, methods, strict=True):
    axis.hist(of_nulls[name].clip(0, 1.6), bins, density=True, alpha=0.6, label="nulls")
    axis.hist(of_pairs[name][1].clip(0, 1.6), bins, density=True, alpha=0.6, label="pairs, 0.2 mm")
    axis.axvline(RAYLEIGH_DIP, color="0.5", linestyle=":", label="Rayleigh")
    axis.axvline(min(thresholds[name], 1.6), color="black", label="own threshold")
    axis.set(title=name, xlabel="dip")
axes[0].set_ylabel("density")
axes[0].legend(frameon=False)

# %%
# Where both histograms lie on each other, the method says nothing of how many objects there are.
# Its threshold then lies so far to the right that pairs count as resolved only where the cut isn't
# needed.
#
# How sure are these shares?
# --------------------------
#
# Forty pairs are few. A share needs an interval, and two methods whose intervals overlap are not
# shown to differ:

for name, dips in of_pairs.items():
    share, low, high = (100 * value for value in wilson_interval(dips[1] >= thresholds[name]))
    print(f"{name:9} resolves {share:.0f} % at 0.2 mm (95 % interval {low:.0f} … {high:.0f})")

# %%
# And PSNR?
# ---------
#
# Most of an image of small objects is empty. Even an image without any tracer therefore has a
# respectable PSNR, and blur costs little. Compare it with the zero image, and never across
# different phantoms.

from mpi_cascade.metrics.functional import psnr

sample = experiment.scans.scan(
    experiment.mixture, RandomStreams(seed=5, stream=10, indices=torch.arange(64))
)
values = {"zero image": torch.zeros_like(sample.concentration)}
values |= {name: method(sample.signal) for name, method in methods.items()}
for name, image in values.items():
    print(f"{name:10} {psnr(image, sample.concentration).nanmean().item():.1f} dB")

# %%
# Read every comparison with five questions
# -----------------------------------------
#
# 1. Which share of *single* objects is split, by the same rule?
# 2. Is the rule the same for all methods, at equal false alarms?
# 3. Was each method tuned, on scans that it isn't judged on? Tikhonov and even zero are there?
# 4. How wide are the intervals, and over what: cases of one training, or several trainings?
# 5. What does noise allow? A method beyond that limit has been shown the answer.
#
# ``python -m mpi_cascade compare`` answers all five, with thresholds that come from other nulls
# than those it counts: :doc:`/how-to/compare`. The reasons stand in :doc:`/explanation/nulls`.
