"""Random phantoms: uniform random numbers → shapes.

Every family maps a table of uniform random numbers to shapes and to nothing else, so a phantom is
reproducible from its numbers. Positions are continuous, never tied to a grid.
"""

from mpi_cascade.phantoms.bars import Bars
from mpi_cascade.phantoms.blobs import SmoothBlobs
from mpi_cascade.phantoms.family import PhantomFamily, Size, Span, Uniforms
from mpi_cascade.phantoms.held_out import Letters, ResolutionTubes, Rings
from mpi_cascade.phantoms.mixture import PhantomMixture, default_families
from mpi_cascade.phantoms.pictures import PictureFiles, Pictures
from mpi_cascade.phantoms.placing import direction, integer, place, scale
from mpi_cascade.phantoms.points import Points
from mpi_cascade.phantoms.rasters import Rasters
from mpi_cascade.phantoms.rendering import Blobs, Shape, Strokes, render
from mpi_cascade.phantoms.single_objects import SingleObjects
from mpi_cascade.phantoms.vessels import Vessels

__all__ = [
    "Bars",
    "Blobs",
    "Letters",
    "PhantomFamily",
    "PhantomMixture",
    "PictureFiles",
    "Pictures",
    "Points",
    "Rasters",
    "ResolutionTubes",
    "Rings",
    "Shape",
    "SingleObjects",
    "Size",
    "SmoothBlobs",
    "Span",
    "Strokes",
    "Uniforms",
    "Vessels",
    "default_families",
    "direction",
    "integer",
    "place",
    "render",
    "scale",
]
