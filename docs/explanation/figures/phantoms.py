"""Phantoms of the families that training draws from."""

import matplotlib.pyplot as plt
import torch

from mpi_cascade import Scanner
from mpi_cascade.phantoms import PhantomMixture, SingleObjects, default_families
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.randomness import RandomStreams

size_m = Scanner().field_of_view_m
streams = RandomStreams(seed=0, stream=4, indices=torch.arange(3))
families = {**default_families(), "single objects": SingleObjects()}
figure, axes = plt.subplots(3, len(families), figsize=(10, 5.2))
for column, (name, family) in enumerate(families.items()):
    drawing = PhantomMixture({name: family}).draw(streams, size_m)
    images = render(drawing.shapes, 3, (96, 96), size_m)
    for row in range(3):
        axes[row, column].imshow(images[row, 0], origin="lower", cmap="inferno", vmin=0, vmax=1)
        axes[row, column].set(xticks=[], yticks=[])
    axes[0, column].set_title(name)
