"""Random phantoms: uniform random numbers → shapes.

Every family maps a table of uniform random numbers to shapes and to nothing else, so a phantom is
reproducible from its numbers. Positions are continuous, never tied to a grid.
"""

from mpi_cascade.phantoms.bars import Bars
from mpi_cascade.phantoms.blobs import SmoothBlobs
from mpi_cascade.phantoms.family import PhantomFamily
from mpi_cascade.phantoms.held_out import Letters, ResolutionTubes, Rings
from mpi_cascade.phantoms.mixture import PhantomMixture, default_families
from mpi_cascade.phantoms.points import Points
from mpi_cascade.phantoms.single_objects import SingleObjects
from mpi_cascade.phantoms.vessels import Vessels

__all__ = [
    "Bars",
    "Letters",
    "PhantomFamily",
    "PhantomMixture",
    "Points",
    "ResolutionTubes",
    "Rings",
    "SingleObjects",
    "SmoothBlobs",
    "Vessels",
    "default_families",
]
