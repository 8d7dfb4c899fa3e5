"""Measured data in and out: the Magnetic Particle Imaging Data Format, HDF5 files.

``MDFFile`` reads versions 2.0 and 2.1 and is lenient about names and layouts, strict about what
changes a result; ``write_scans``, ``write_system_matrix`` and ``write_reconstruction`` write
version 2.1, ``new_scans`` and ``new_reconstruction`` block by block.

Source: T. Knopp et al., MDF: Magnetic Particle Imaging Data Format, 2020, arXiv:1602.06072.
"""

from mpi_cascade.mdf.from_mdf import read_images, read_scans
from mpi_cascade.mdf.matching import differences
from mpi_cascade.mdf.reading import MDFFile
from mpi_cascade.mdf.to_mdf import (
    new_reconstruction,
    new_scans,
    write_reconstruction,
    write_scans,
    write_system_matrix,
)

__all__ = [
    "MDFFile",
    "differences",
    "new_reconstruction",
    "new_scans",
    "read_images",
    "read_scans",
    "write_reconstruction",
    "write_scans",
    "write_system_matrix",
]
