"""Pairs of discs at one place."""

import math

import torch

from mpi_cascade.phantoms.scenes import PairGeometry


def make_pairs(
    *gaps_mm: float,
    centre_mm: tuple[float, float] = (0.0, 0.0),
    angle: float = 0.0,
    diameter_mm: float = 0.4,
) -> PairGeometry:
    """Pairs around one centre, along one direction in rad, of one diameter."""
    num = len(gaps_mm)
    return PairGeometry(
        centre_m=1e-3 * torch.tensor([centre_mm]).expand(num, 2),
        direction=torch.tensor([[math.cos(angle), math.sin(angle)]]).expand(num, 2),
        diameter_m=torch.full((num,), 1e-3 * diameter_mm),
        gap_m=1e-3 * torch.tensor(gaps_mm),
    )
