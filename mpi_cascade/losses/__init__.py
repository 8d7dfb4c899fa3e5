"""Losses of an image: what training minimises.

A loss is an ``nn.Module`` called as ``loss(estimate, truth)`` on images (batch, 1, y, x); those of
``torch.nn`` serve as well. A ``SampleLoss`` is given the whole scan in place of its true image.
"""

from mpi_cascade.losses.physics import DataConsistency as DataConsistency
from mpi_cascade.losses.pixel import Charbonnier as Charbonnier
from mpi_cascade.losses.pixel import ImageRMSE as ImageRMSE
from mpi_cascade.losses.pixel import LogRMSE as LogRMSE
from mpi_cascade.losses.spectral import FocalFrequency as FocalFrequency
from mpi_cascade.losses.structure import SSIM as SSIM
from mpi_cascade.losses.structure import Gradient as Gradient
from mpi_cascade.losses.structure import MultiScaleSSIM as MultiScaleSSIM
from mpi_cascade.losses.structure import TotalVariation as TotalVariation
from mpi_cascade.losses.structure import Uniformity as Uniformity
from mpi_cascade.losses.terms import SampleLoss as SampleLoss
from mpi_cascade.losses.terms import WeightedSum as WeightedSum
from mpi_cascade.losses.terms import loss_terms as loss_terms
