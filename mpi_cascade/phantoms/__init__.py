"""Random phantoms: uniform random numbers → shapes.

Every family maps a table of uniform random numbers to shapes and to nothing else, so a phantom is
reproducible from its numbers. Positions are continuous, never tied to a grid.
"""

from mpi_cascade.phantoms.bars import Bars as Bars
from mpi_cascade.phantoms.blobs import SmoothBlobs as SmoothBlobs
from mpi_cascade.phantoms.family import PhantomFamily as PhantomFamily
from mpi_cascade.phantoms.family import Size as Size
from mpi_cascade.phantoms.family import Span as Span
from mpi_cascade.phantoms.family import Uniforms as Uniforms
from mpi_cascade.phantoms.held_out import Letters as Letters
from mpi_cascade.phantoms.held_out import ResolutionTubes as ResolutionTubes
from mpi_cascade.phantoms.held_out import Rings as Rings
from mpi_cascade.phantoms.mixture import PhantomMixture as PhantomMixture
from mpi_cascade.phantoms.mixture import default_families as default_families
from mpi_cascade.phantoms.pictures import PictureFiles as PictureFiles
from mpi_cascade.phantoms.pictures import Pictures as Pictures
from mpi_cascade.phantoms.placing import direction as direction
from mpi_cascade.phantoms.placing import integer as integer
from mpi_cascade.phantoms.placing import place as place
from mpi_cascade.phantoms.placing import scale as scale
from mpi_cascade.phantoms.points import Points as Points
from mpi_cascade.phantoms.rasters import Rasters as Rasters
from mpi_cascade.phantoms.rendering import Blobs as Blobs
from mpi_cascade.phantoms.rendering import Shape as Shape
from mpi_cascade.phantoms.rendering import Strokes as Strokes
from mpi_cascade.phantoms.rendering import render as render
from mpi_cascade.phantoms.single_objects import SingleObjects as SingleObjects
from mpi_cascade.phantoms.vessels import Vessels as Vessels
