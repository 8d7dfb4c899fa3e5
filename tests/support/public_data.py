"""The public measurements of MPIMeasurements.jl, where they are."""

import os
from pathlib import Path

import pytest


def measured(name: str) -> Path:
    """One of the files; without them a test of one is skipped."""
    folder = os.environ.get("MPI_CASCADE_MEASURED_DATA")
    if not folder:
        pytest.skip("MPI_CASCADE_MEASURED_DATA names no folder of measured data")
    path = Path(folder) / name
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    return path
