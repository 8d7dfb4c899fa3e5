"""One of every part that a cascade, its scans and its training are made of, for a small scanner."""

from torch import nn

from mpi_cascade.losses import (
    SSIM,
    Charbonnier,
    FocalFrequency,
    Gradient,
    ImageRMSE,
    LogRMSE,
    MultiScaleSSIM,
    TotalVariation,
    Uniformity,
)
from mpi_cascade.models.conditioned import ConditionedRefinement
from mpi_cascade.models.conditions import NoiseLevel, PsfDetail
from mpi_cascade.models.data_consistency import DataConsistentRefinement
from mpi_cascade.models.preliminary import (
    DenseInverse,
    FixedTikhonov,
    SpectralInverse,
    TikhonovBank,
    Unrolled,
)
from mpi_cascade.models.proximal import ProximalRefinement
from mpi_cascade.models.refinement import ResidualCNN, ResidualUNet
from mpi_cascade.phantoms import Letters, ResolutionTubes, Rings
from mpi_cascade.physics.disturbances import (
    BackgroundDrift,
    FeedThrough,
    FFPDisplacement,
    GainVariation,
    PinkNoise,
    WhiteNoise,
)

FIRST_STAGES = {
    "dense": DenseInverse,
    "Tikhonov": FixedTikhonov,
    "bank": lambda: TikhonovBank(3, 4),
    "spectral": lambda: SpectralInverse(2, 4),
    "unrolled": lambda: Unrolled(2, 4),
}
SECOND_STAGES = {
    "U-Net": lambda: ResidualUNet((8, 8)),
    "CNN": lambda: ResidualCNN(6, 3),
    "data consistency": lambda: DataConsistentRefinement(
        ResidualUNet((8, 8), num_channels=5), num_steps=2
    ),
    "memory": lambda: DataConsistentRefinement(
        ResidualUNet((8, 8), num_channels=7, num_corrected=3), num_steps=2, num_memory=2
    ),
    "all looks": lambda: DataConsistentRefinement(
        ResidualUNet((8, 8), num_channels=9), num_steps=2, num_looks=2
    ),
    "conditioned": lambda: ConditionedRefinement(
        ResidualUNet((8, 8), num_channels=5, num_told=8), conditions=[PsfDetail(), NoiseLevel()]
    ),
    "proximal steps": lambda: ProximalRefinement(ResidualUNet((8, 8))),
}
LOSSES: dict[str, nn.Module] = {
    type(loss).__name__: loss
    for loss in (
        ImageRMSE(), LogRMSE(), Charbonnier(), SSIM(), MultiScaleSSIM(), Gradient(), Uniformity(),
        FocalFrequency(), TotalVariation(),
    )
}  # fmt: skip
"""Those of an image and its truth."""

DISTURBANCES = [
    FFPDisplacement(offset_std_m=0.1e-3, jitter_std_m=0.05e-3),
    GainVariation(), FeedThrough(), BackgroundDrift(), PinkNoise(), WhiteNoise(),
]  # fmt: skip
HELD_OUT = {"rings": Rings(), "letters": Letters(), "tubes": ResolutionTubes()}
"""Families that no training has."""
