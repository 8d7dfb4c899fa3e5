"""Two of each form of null, with the places of the discs that it might be taken for."""

import matplotlib.pyplot as plt
import torch

from mpi_cascade import Scanner
from mpi_cascade.phantoms.nulls import null_forms
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.randomness import RandomStreams

size_m = Scanner().field_of_view_m
streams = RandomStreams(seed=0, stream=5, indices=torch.arange(2))
figure, axes = plt.subplots(2, 5, figsize=(10, 4.3), sharex=True, sharey=True)
for column, (name, form) in enumerate(null_forms().items()):
    drawing = form.draw(streams, size_m)
    images = render(drawing.shapes, 2, (256, 256), size_m)
    for row in range(2):
        axis = axes[row, column]
        centre_x, centre_y = (1e3 * drawing.pairs.centre_m[row]).tolist()
        extent = (-3.2 - centre_x, 3.2 - centre_x, -3.2 - centre_y, 3.2 - centre_y)
        axis.imshow(images[row, 0] > 0, origin="lower", extent=extent, cmap="inferno", vmax=1.3)
        radius_mm = 0.5e3 * float(drawing.pairs.diameter_m[row])
        half_mm = 0.5e3 * float(drawing.pairs.gap_m[row]) + radius_mm
        for side in (-1, 1):
            place = (side * half_mm * drawing.pairs.direction[row]).tolist()
            axis.add_patch(plt.Circle(place, radius_mm, fill=False, color="C0", linewidth=1.5))
        axis.set(xlim=(-1, 1), ylim=(-1, 1), xticks=[], yticks=[], facecolor="black")
    axes[0, column].set_title(name)
