"""An MDF file of version 2.0 or 2.1, open for reading."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.fields import Acquisition, Origin, Tracer
from mpi_cascade.mdf.grid import Grid, read_grid
from mpi_cascade.mdf.hdf5 import MAX_BLOCK_BYTES, HDF5File
from mpi_cascade.mdf.measurement import DATA, Measurement
from mpi_cascade.mdf.records import RecordReader


class StoredImages(NamedTuple):
    """Reconstructed images of a file.

    Attributes:
        grid: Their voxels.
        data: Values, (frame, voxel, channel).
    """

    grid: Grid
    data: NDArray[Any]


class MDFFile(HDF5File):
    """An MDF file, whose parts are read when they are asked for; use it as a context manager.

    Args:
        path: The file.

    Attributes:
        path: The file.
        version: Version of the format, for example (2, 1).

    Raises:
        InputError: If it is no MDF file of version 2.

    Examples:
        A system matrix larger than memory, frequency by frequency::

            with MDFFile(Path("matrix.mdf")) as file:
                for bins, rows in file.measurement.by_bin():
                    ...  # rows: (frame, period, channel, bin)
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._fields = RecordReader(self)
        try:
            self.version = self._read_version()
        except InputError:
            self.close()
            raise

    @cached_property
    def acquisition(self) -> Acquisition:
        """How the scan was made.

        Raises:
            InputError: If a field is absent that everything needs, contradicts another, or can't
                be in the format's unit.
        """
        return self._fields.read(Acquisition, "/acquisition")

    @cached_property
    def measurement(self) -> Measurement:
        """The signals.

        Raises:
            InputError: If they contradict themselves or the acquisition.
        """
        if self.find("/measurement") is None:
            raise InputError(
                f"{self.path} has no group /measurement, so no signals: it holds "
                f"{', '.join(self.names()) or 'nothing'}"
            )
        return Measurement(self._fields, self.numbers(DATA), self.acquisition)

    @cached_property
    def calibration(self) -> Grid | None:
        """The sample's positions, one for each foreground frame; None unless it is a calibration.

        Raises:
            InputError: If there are more or fewer positions than frames.
        """
        if self.find("/calibration") is None:
            return None
        # Its rows must be those of the signals.
        num_frames = int((~self.measurement.is_background_frame).sum())
        grid = read_grid(self._fields, "/calibration")
        if grid.num_positions not in (None, num_frames):
            raise InputError(
                f"{self.path}: /calibration has {grid.num_positions} positions, {DATA} "
                f"{num_frames} frames that are no background: they must agree"
            )
        # Frames that were permuted into the grid's order no longer meander.
        is_sorted = self.measurement.is_permuted
        return replace(grid, is_meandering=False) if is_sorted else grid

    @cached_property
    def reconstruction(self) -> StoredImages:
        """The images; one that could not be made is NaN.

        Raises:
            InputError: If there are none, their shape is not that of the grid, or they are too
                large for memory.
        """
        name = "/reconstruction/data"
        numbers = self.numbers(name)
        grid = read_grid(self._fields, "/reconstruction")
        shape = numbers.shape
        if len(shape) not in (2, 3) or grid.num_positions not in (None, shape[1]):
            raise InputError(
                f"{self.path}: {name} has the shape {shape} for {grid.num_positions} voxels: it "
                "must be frames × voxels × channels"
            )
        if numbers.num_bytes > MAX_BLOCK_BYTES:
            raise InputError(f"{self.path}: {name} is larger than 1 GiB: store fewer frames a file")
        return StoredImages(grid, numbers.read().reshape(*shape[:2], -1))

    @cached_property
    def is_simulation(self) -> bool:
        """Whether the file says that it was simulated."""
        return self._fields.read(Origin, "/experiment").is_simulation

    @cached_property
    def iron_mol_per_l(self) -> float | None:
        """Iron of the tracer that the file states, in mol/l; None if it doesn't, or names several.

        Raises:
            InputError: If it is no number.
        """
        tracer = self._fields.read(Tracer, "/tracer")
        concentrations, solute = tracer.concentration_mol_per_l, tracer.solute.lower()
        if concentrations is None or len(concentrations) != 1 or solute not in ("fe", "iron"):
            return None
        return float(concentrations[0]) or None

    def _read_version(self) -> tuple[int, int]:
        if self.find("/version") is None:
            raise InputError(
                f"{self.path} is HDF5, but no MDF: it has no field /version, only "
                f"{', '.join(self.names()) or 'nothing'}"
            )
        text = self.text("/version")
        major, *others = text.lstrip("v").split(".")
        if major != "2":
            raise InputError(
                f"{self.path} is MDF version {text}: 2.0 and 2.1 are read; convert it first"
            )
        return 2, int(others[0]) if others and others[0].isdigit() else 0
