"""Gives stage 2 of other weights to a cascade for any scanner, as a training's start.

    python weights/for_any_scanner.py weights/reference.ckpt runs/any.ckpt

What it will be told of the scanner and the noise has no effect at first. Channels that the old
stage 2 had beside the image and the filtered residuals, as that of commit 3493956, are left out.
"""

import sys
from pathlib import Path

import yaml

import mpi_cascade
from mpi_cascade.checkpoints import read_checkpoint
from mpi_cascade.configurations import build_experiment

OVERLAY = Path(__file__).parent.parent / "configs/training/any_scanner.yaml"
STAGE = "cascade.refinement."

source, target = map(Path, sys.argv[1:])
checkpoint = read_checkpoint(source)
configuration = checkpoint.configuration()
overlay = yaml.safe_load(OVERLAY.read_text())["experiment"]
configuration["experiment"].update(overlay, intervals=None)
experiment = build_experiment(configuration["experiment"])
state = experiment.refinement.state_dict()
for name in state:
    old = checkpoint.contents["state_dict"].get(STAGE + name)
    if old is not None and old.ndim == 4:
        # Channels of 2 × 2 pixels: image and filters come first.
        old = old[:, : state[name].shape[1]]
    state[name] = state[name] if old is None else old
experiment.refinement.load_state_dict(state)
mpi_cascade.save(mpi_cascade.TrainedCascade(experiment, experiment.cascade, configuration), target)
