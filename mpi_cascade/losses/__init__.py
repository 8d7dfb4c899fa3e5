"""Losses of an image: what training minimises.

A loss is an ``nn.Module`` called as ``loss(estimate, truth)`` on images (batch, 1, y, x); those of
``torch.nn`` serve as well. A ``SampleLoss`` is given the whole scan in place of its true image.
"""

from mpi_cascade.losses.physics import DataConsistency
from mpi_cascade.losses.pixel import Charbonnier, ImageRMSE, LogRMSE
from mpi_cascade.losses.spectral import FocalFrequency
from mpi_cascade.losses.structure import (
    SSIM,
    Gradient,
    MultiScaleSSIM,
    TotalVariation,
    Uniformity,
)
from mpi_cascade.losses.terms import SampleLoss, WeightedSum, loss_terms

__all__ = [
    "SSIM",
    "Charbonnier",
    "DataConsistency",
    "FocalFrequency",
    "Gradient",
    "ImageRMSE",
    "LogRMSE",
    "MultiScaleSSIM",
    "SampleLoss",
    "TotalVariation",
    "Uniformity",
    "WeightedSum",
    "loss_terms",
]
