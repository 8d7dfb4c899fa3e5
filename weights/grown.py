"""Gives the weights of a cascade to one whose stage 2 sees the signal, as the start of a training.

    python weights/grown.py weights/reference.ckpt runs/grown.ckpt

The first step's network begins as the old stage 2, blind to the residuals; the others change
nothing.
"""

import sys
from copy import deepcopy
from pathlib import Path

import torch
import yaml

import mpi_cascade
from mpi_cascade.configurations import build_experiment

OVERLAY = Path(__file__).parent.parent / "configs/networks/data_consistency.yaml"

source, target = sys.argv[1:]
trained = mpi_cascade.load(source)
configuration = deepcopy(trained.configuration)
refinement = yaml.safe_load(OVERLAY.read_text())["experiment"]["refinement"]
configuration["experiment"].update(refinement=refinement, intervals=None)
experiment = build_experiment(configuration["experiment"])
experiment.preliminary.load_state_dict(trained.cascade.preliminary.state_dict())
first, *others = experiment.refinement.networks
old = trained.cascade.refinement.state_dict()
entry = torch.zeros_like(first.entry.weight)
entry[:, :4] = old["entry.weight"]
first.load_state_dict({**old, "entry.weight": entry})
for network in others:
    torch.nn.init.zeros_(network.exit.weight)
    torch.nn.init.zeros_(network.exit.bias)
mpi_cascade.save(mpi_cascade.TrainedCascade(experiment, experiment.cascade, configuration), target)
