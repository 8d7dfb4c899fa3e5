"""What each disturbance adds to a signal."""

import matplotlib.pyplot as plt
import torch

from mpi_cascade import ForwardModel, Scanner
from mpi_cascade.physics.disturbances import (
    BackgroundDrift,
    FeedThrough,
    FFPDisplacement,
    GainVariation,
    PinkNoise,
    WhiteNoise,
)
from mpi_cascade.randomness import RandomStreams

scanner = Scanner()
phantom = torch.zeros(1, 1, 64, 64)
phantom[..., 28:36, 18:40] = 1
signal = ForwardModel(scanner, (64, 64))(phantom)
streams = RandomStreams(seed=0, stream=2, indices=torch.tensor([0]))
added = {
    "white noise, 30 dB": WhiteNoise(peak_snr_db=30),
    "pink noise, 40 dB": PinkNoise(peak_snr_db=40),
    "feed-through": FeedThrough(),
    "background drift": BackgroundDrift(),
    "gain variation": GainVariation(),
    "FFP off by 0.05 mm": FFPDisplacement(offset_std_m=0.05e-3),
    "FFP jitter, 0.05 mm": FFPDisplacement(jitter_std_m=0.05e-3),
}
figure, axes = plt.subplots(2, 4, figsize=(10, 5.2))
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
axes[0, 0].imshow(signal[0, 0], origin="lower", cmap="inferno")
axes[0, 0].set_title("ideal signal")
for axis, (name, disturbance) in zip(axes.flat[1:], added.items(), strict=True):
    difference = (disturbance(signal, scanner, streams) - signal)[0, 0]
    largest = float(difference.abs().max())
    axis.imshow(difference, origin="lower", cmap="RdBu_r", vmin=-largest, vmax=largest)
    axis.set_title(f"{name}\nup to {100 * largest / float(signal.abs().max()):.1f} % of the peak")
