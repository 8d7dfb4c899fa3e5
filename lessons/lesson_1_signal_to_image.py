"""
1. From signal to image
=======================

Magnetic particle imaging (MPI) measures where a tracer of iron oxide particles is. In this
lesson you draw a phantom, scan it with a simulated scanner, and turn the scan into an image in
two ways: with Tikhonov's classical method, and with a trained cascade of two networks.
"""

# %%
# A scanner
# ---------
#
# Everything begins with a scanner. It has a magnetic field that vanishes at one point, the
# *field-free point* (FFP). Only particles near that point follow the small field that drives
# them, and answer with harmonics of its frequency. So the FFP is stepped over the field of view,
# and at each of its positions one number is received: the third harmonic of the drive frequency.
#
# The shipped weights were trained for one scanner, and a checkpoint says which:

import matplotlib.pyplot as plt
import torch

import mpi_cascade

cascade = mpi_cascade.load("../weights/reference.ckpt")
scanner = cascade.experiment.scanner
print(f"gradient    {scanner.gradient_x_t_per_m} T/m along x, {scanner.gradient_y_t_per_m} along y")
print(f"drive field {1e3 * scanner.drive_amplitude_t} mT along x")
print(f"view        {1e3 * scanner.field_of_view_x_m} x {1e3 * scanner.field_of_view_y_m} mm")
print(f"FFP         {scanner.num_ffp_x} x {scanner.num_ffp_y} positions")

# %%
# A phantom
# ---------
#
# An image is a tensor of the shape ``(scan, 1, y, x)``. It covers the field of view, and holds
# the concentration of tracer: 0 is none, 1 is full. Here are two discs of 0.4 mm, 0.3 mm apart,
# and a bar.

position_mm = (torch.arange(64) + 0.5) / 64 * 6.4 - 3.2
x, y = position_mm, position_mm[:, None]
left = (x + 1.35) ** 2 + (y - 1) ** 2 < 0.2**2
right = (x + 0.65) ** 2 + (y - 1) ** 2 < 0.2**2
bar = ((x - 1).abs() < 0.25) & ((y + 0.5).abs() < 1.2)
phantom = (left | right | bar).float()[None, None]
print(tuple(phantom.shape))

# %%
# Its signal
# ----------
#
# A point of tracer is seen from all FFP positions around it. What it induces there is the *point
# spread function* (PSF). The signal of a phantom is the sum of the PSFs of its points: u = S c,
# with the concentrations c and a matrix S. ``forward_model`` is S.
#
# The receiver adds noise. The signal-to-noise ratio here is 30 dB: the standard deviation of the
# noise is 1/32 of the largest signal.

forward_model = cascade.experiment.forward_model
clean = forward_model(phantom)
sigma = clean.abs().max() * 10 ** (-30 / 20)
signal = clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))

point = torch.zeros(1, 1, 64, 64)
point[..., 32, 32] = 1


def show(images: dict[str, torch.Tensor], highest: float | None = 1.0) -> None:
    """Draws images side by side."""
    _, axes = plt.subplots(
        1, len(images), figsize=(3 * len(images), 3.2), layout="constrained", squeeze=False
    )
    for axis, (name, image) in zip(axes[0], images.items(), strict=True):
        axis.imshow(
            image[0, 0], origin="lower", extent=(-3.2, 3.2, -3.2, 3.2), cmap="inferno",
            vmin=0 if highest else None, vmax=highest,
        )  # fmt: skip
        axis.set(title=name, xlabel="x / mm")
    axes[0, 0].set_ylabel("y / mm")


show({"PSF of the point in the middle": forward_model(point), "signal": signal}, highest=None)

# %%
# The PSF is wider along y, where the gradient is half as steep. The discs overlap in the signal.
# An image has to be found whose signal this could be: that is *reconstruction*.
#
# Two reconstructions
# -------------------
#
# Tikhonov's method seeks the image c with the least ‖S c − u‖² + λ‖c‖². The larger λ, the less
# noise and the more blur. The cascade begins in much the same way: its first network makes a
# *preliminary* image, and the second one the *final* image from that. It was trained on
# simulated scans of random phantoms.

from mpi_cascade.solvers.tikhonov import Tikhonov

tikhonov = Tikhonov(forward_model, relative_regularisation=1e-3)
preliminary, final = cascade(signal)
show(
    {
        "truth": phantom,
        "Tikhonov": tikhonov(signal),
        "cascade, preliminary": preliminary,
        "cascade, final": final,
    }
)

# %%
# How good are they?
# ------------------
#
# Two numbers. The *peak signal-to-noise ratio* (PSNR) of an image says how far its pixels are
# from the truth, in dB; higher is better. The *dip* says how deep the valley between two discs
# is: 0 where they are one spot, 1 where the image falls to zero between them. Rayleigh's dip of
# 0.265 is the usual least one to call two points resolved.

from mpi_cascade.metrics.functional import psnr
from mpi_cascade.metrics.resolution import pair_dip
from mpi_cascade.phantoms.scenes import PairGeometry

pair = PairGeometry(
    centre_m=torch.tensor([[-1e-3, 1e-3]]),
    direction=torch.tensor([[1.0, 0.0]]),
    diameter_m=torch.tensor([0.4e-3]),
    gap_m=torch.tensor([0.3e-3]),
)
for name, image in {"Tikhonov": tikhonov(signal), "cascade": final}.items():
    dip = pair_dip(image, pair, scanner.field_of_view_m)
    print(f"{name:9} PSNR {psnr(image, phantom).item():.1f} dB, dip {dip.item():.2f}")

# %%
# Is the dip real, or does the network draw a dip into anything? Scan a single object of the same
# outline, a *capsule*, and look:

capsule = ((x + 1).clamp(-0.35, 0.35) - (x + 1)) ** 2 + (y - 1) ** 2 < 0.2**2
single = capsule.float()[None, None]
noise = sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
image = cascade(forward_model(single) + noise).final
dip = pair_dip(image, pair, scanner.field_of_view_m)
print(f"dip in the image of the capsule: {dip.item():.2f}")
show({"truth: one capsule": single, "cascade, final": image})

# %%
# One example proves nothing: :doc:`lesson 5 <lesson_5_read_a_comparison>` does that with hundreds.
#
# What you have learnt
# --------------------
#
# - ``mpi_cascade.load`` gives a trained cascade; ``cascade.experiment`` knows its scanner and
#   its S.
# - Signals and images are tensors ``(scan, channel, y, x)`` and ``(scan, 1, y, x)``.
# - The weights serve the scanner they were trained for, and no other. :doc:`The next lesson
#   <lesson_2_your_scanner>` trains for yours.
