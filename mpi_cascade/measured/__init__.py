"""Measured system matrices in place of the analytic model, and their scanners' scans as signals."""

from mpi_cascade.measured.matrix import MeasuredMatrix, MeasuredSystem, read_measured

__all__ = ["MeasuredMatrix", "MeasuredSystem", "read_measured"]
