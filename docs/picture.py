"""Draws the picture of the README: phantoms, their signals, and what is reconstructed from them.

python docs/picture.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import torch

import mpi_cascade
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.solvers.tikhonov import Tikhonov

DOCS = Path(__file__).parent
PHANTOMS = (0, 3, 5)


def main() -> None:
    """Writes ``picture.png``."""
    cascade = mpi_cascade.load(DOCS.parent / "weights" / "reference.ckpt")
    experiment = cascade.experiment
    pair = TwoPoints(gaps_mm=(0.3,), cases_per_gap=4)
    samples = [
        experiment.scans.scan(scene, RandomStreams(seed=0, stream=21, indices=torch.tensor(chosen)))
        for scene, chosen in ((pair, [2]), (experiment.mixture, PHANTOMS))
    ]
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
            highest = None if name == "signal" else float(truth[row].max())
            axes[row, column].imshow(
                images[row, 0], origin="lower", cmap="inferno", vmin=0, vmax=highest
            )
            axes[row, column].set(xticks=[], yticks=[])
    figure.savefig(DOCS / "picture.png", dpi=100)


if __name__ == "__main__":
    main()
