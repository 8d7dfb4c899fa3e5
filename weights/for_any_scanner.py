"""Gives stage 2 of a scanner's own weights to a cascade for any scanner, as a training's start.

    python weights/for_any_scanner.py weights/reference.ckpt runs/any.ckpt

What it will be told of the scanner and the noise has no effect at first.
"""

import sys
from copy import deepcopy
from pathlib import Path

import torch
import yaml

import mpi_cascade
from mpi_cascade.configurations import build_experiment

OVERLAY = Path(__file__).parent.parent / "configs/training/any_scanner.yaml"

source, target = sys.argv[1:]
trained = mpi_cascade.load(source)
configuration = deepcopy(trained.configuration)
overlay = yaml.safe_load(OVERLAY.read_text())["experiment"]
configuration["experiment"].update(overlay, intervals=None)
experiment = build_experiment(configuration["experiment"])
old = trained.cascade.refinement.state_dict()
new = experiment.refinement.state_dict()
for name, weights in old.items():
    if weights.shape != new[name].shape:
        # Channels of 2 × 2 pixels: those that it had come first.
        weights = torch.cat((weights, torch.zeros_like(new[name][:, weights.shape[1] :])), dim=1)
    new[name] = weights
experiment.refinement.load_state_dict(new)
mpi_cascade.save(mpi_cascade.TrainedCascade(experiment, experiment.cascade, configuration), target)
