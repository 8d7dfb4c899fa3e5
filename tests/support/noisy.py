"""Simulated scans of the default phantoms, at the default noise."""

import torch

from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.physics.disturbances import WhiteNoise
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.simulated import Sample, SimulatedScans, fine_shape


def noisy_scans(scanner: Scanner, image_shape: tuple[int, int], num: int) -> Sample:
    model = ForwardModel(scanner, fine_shape(image_shape, (2, 2)))
    scans = SimulatedScans(model, scanner, (2, 2), [WhiteNoise()])
    return scans.scan(PhantomMixture(), RandomStreams(0, 0, torch.arange(num)))
