"""A scan, step by step."""

import matplotlib.pyplot as plt
import torch

from mpi_cascade import ForwardModel, Scanner
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.physics.disturbances import WhiteNoise
from mpi_cascade.randomness import RandomStreams

scanner = Scanner()
streams = RandomStreams(seed=0, stream=3, indices=torch.tensor([11]))
drawing = PhantomMixture().draw(streams, scanner.field_of_view_m)
fine = render(drawing.shapes, 1, (128, 128), scanner.field_of_view_m)
clean = ForwardModel(scanner, (128, 128))(fine)
steps = {
    "phantom, 128 × 128": fine,
    "signal, 64 × 64": clean,
    "with noise, 30 dB": WhiteNoise(peak_snr_db=30)(clean, scanner, streams),
    "truth, 64 × 64": torch.nn.functional.avg_pool2d(fine, 2),
}
figure, axes = plt.subplots(1, 4, figsize=(11, 3.1))
for axis, (name, image) in zip(axes, steps.items(), strict=True):
    axis.imshow(image[0, 0], origin="lower", cmap="inferno", extent=(-3.2, 3.2, -3.2, 3.2))
    axis.set(title=name, xlabel="x / mm")
axes[0].set_ylabel("y / mm")
