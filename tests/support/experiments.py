"""Experiments of 16 × 16 pixels."""

from torch import nn

from mpi_cascade.experiment import Experiment
from mpi_cascade.models.preliminary import SpectralInverse
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.physics.scanner import Scanner


def small_experiment(
    preliminary: nn.Module | None = None,
    refinement: nn.Module | None = None,
    image_shape: tuple[int, int] = (16, 16),
    scanner: Scanner = Scanner(num_ffp_x=16, num_ffp_y=16),
    **options,
) -> Experiment:
    """The experiment of ``tiny.yaml``, but for what is given."""
    return Experiment(
        preliminary=preliminary or SpectralInverse(num_filters=2, num_features=4),
        refinement=refinement or ResidualUNet((8,)),
        scanner=scanner,
        image_shape=image_shape,
        **options,
    )
