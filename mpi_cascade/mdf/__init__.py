"""Measured data in and out: the Magnetic Particle Imaging Data Format, HDF5 files.

``MDFFile`` reads versions 2.0 and 2.1 and is lenient about names and layouts, strict about what
changes a result; ``write_scans``, ``write_system_matrix`` and ``write_reconstruction`` write
version 2.1, ``new_scans`` and ``new_reconstruction`` block by block.

Source: T. Knopp et al., MDF: Magnetic Particle Imaging Data Format, 2020, arXiv:1602.06072.
"""

from mpi_cascade.mdf.from_mdf import read_images as read_images
from mpi_cascade.mdf.from_mdf import read_scans as read_scans
from mpi_cascade.mdf.matching import differences as differences
from mpi_cascade.mdf.reading import MDFFile as MDFFile
from mpi_cascade.mdf.to_mdf import new_reconstruction as new_reconstruction
from mpi_cascade.mdf.to_mdf import new_scans as new_scans
from mpi_cascade.mdf.to_mdf import write_reconstruction as write_reconstruction
from mpi_cascade.mdf.to_mdf import write_scans as write_scans
from mpi_cascade.mdf.to_mdf import write_system_matrix as write_system_matrix
