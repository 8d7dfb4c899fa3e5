"""Draws the picture of the README: phantoms, their signals, and what is reconstructed from them.

python docs/picture.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import torch

import mpi_cascade
from mpi_cascade.experiment import Experiment
from mpi_cascade.phantoms import Bars, PhantomMixture, Vessels
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.phantoms.scenes import Scene, TwoPoints
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.solvers.tikhonov import Tikhonov

DOCS = Path(__file__).parent
SCENES = (
    TwoPoints(gaps_mm=(0.3,), cases_per_gap=32),
    PhantomMixture({"vessels": Vessels()}),
    PhantomMixture({"bars": Bars(num_bars=(3, 3), gap_mm=(0.3, 0.5))}),
)


def main() -> None:
    """Writes ``picture.png``."""
    cascade = mpi_cascade.load(DOCS.parent / "weights" / "reference.ckpt")
    experiment = cascade.experiment
    samples = [_central(experiment, scene) for scene in SCENES]
    signal = torch.cat([sample.signal for sample in samples])
    truth = torch.cat([sample.concentration for sample in samples])
    tikhonov = Tikhonov(experiment.forward_model, relative_regularisation=1e-3)
    rows = {
        "phantom": truth,
        "signal": signal,
        "Tikhonov": tikhonov(signal),
        "cascade": cascade(signal).final,
    }
    num = len(signal)
    figure, axes = plt.subplots(num, 4, figsize=(8, 2.05 * num), layout="constrained")
    for column, (name, images) in enumerate(rows.items()):
        axes[0, column].set_title(name)
        for row in range(num):
            image, highest = images[row, 0], float(truth[row].max())
            lowest, colours = 0.0, "inferno"
            if name == "signal":
                highest = float(image.abs().max())
                lowest, colours = -highest, "RdBu_r"
            axes[row, column].imshow(image, origin="lower", cmap=colours, vmin=lowest, vmax=highest)
            axes[row, column].set(xticks=[], yticks=[])
    figure.savefig(DOCS / "picture.png", dpi=100)


def _central(experiment: Experiment, scene: Scene) -> Sample:
    """Returns the scan, of several of a scene, whose tracer is nearest to the middle."""
    indices = torch.arange(32)
    size_m = experiment.scanner.field_of_view_m
    streams = RandomStreams(seed=0, stream=21, indices=indices)
    image = render(scene.draw(streams, size_m).shapes, len(indices), (64, 64), size_m)
    axis = torch.arange(64) - 31.5
    mass = image.sum((1, 2, 3))
    off_x, off_y = ((image * place).sum((1, 2, 3)) / mass for place in (axis, axis[:, None]))
    chosen = torch.hypot(off_x, off_y).argmin()[None]
    return experiment.scans.scan(scene, RandomStreams(seed=0, stream=21, indices=chosen))


if __name__ == "__main__":
    main()
