"""An MDF file of version 2.0 or 2.1, open for reading.

Source: T. Knopp et al., MDF: Magnetic Particle Imaging Data Format, 2020, arXiv:1602.06072.
"""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.acquisition import Acquisition, read_acquisition
from mpi_cascade.mdf.fields import first_name, flag
from mpi_cascade.mdf.grid import Grid, read_grid
from mpi_cascade.mdf.hdf5 import MAX_BLOCK_BYTES, HDF5File, num_bytes
from mpi_cascade.mdf.measurement import Measurement


class StoredImages(NamedTuple):
    """Reconstructed images of a file.

    Attributes:
        grid: Their voxels.
        data: Values, (frame, voxel, channel).
    """

    grid: Grid
    data: NDArray[Any]


class MDFFile:
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
        self.path = path
        self._file = HDF5File(path)
        try:
            self.version = self._read_version()
        except InputError:
            self._file.close()
            raise

    def __enter__(self) -> "MDFFile":
        """Returns the open file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Closes the file."""
        self._file.close()

    @cached_property
    def acquisition(self) -> Acquisition:
        """How the scan was made."""
        return read_acquisition(self._file)

    @cached_property
    def measurement(self) -> Measurement:
        """The signals.

        Raises:
            InputError: If they contradict themselves or the acquisition.
        """
        measurement, acquisition = Measurement(self._file, self.acquisition), self.acquisition
        per_period = {
            "drivefield/strength": acquisition.drive_strength_t,
            "gradient": acquisition.gradient_t_per_m,
            "offsetField": acquisition.offset_field_t,
        }
        for name, values in per_period.items():
            if values is not None and len(values) not in (1, measurement.shape[1]):
                raise InputError(
                    f"{self.path}: /acquisition/{name} is of {len(values)} periods, "
                    f"/measurement/data has {measurement.shape[1]}: they must agree"
                )
        return measurement

    @cached_property
    def calibration(self) -> Grid | None:
        """The sample's positions, one for each foreground frame; None unless it is a calibration.

        Raises:
            InputError: If there are more or fewer positions than frames.
        """
        if self._file.find("/calibration") is None:
            return None
        grid = read_grid(self._file, "/calibration")
        num_frames = int((~self.measurement.is_background_frame).sum())
        if grid.num_positions is not None and grid.num_positions != num_frames:
            raise InputError(
                f"{self.path}: /calibration has {grid.num_positions} positions, /measurement/data "
                f"{num_frames} frames that are no background: they must agree"
            )
        if grid.snr is not None and grid.snr.shape != self.measurement.shape[1:]:
            raise InputError(
                f"{self.path}: /calibration/snr has the shape {grid.snr.shape}, /measurement/data "
                f"has {self.measurement.shape[1:]} periods, channels and frequencies: they must "
                "agree"
            )
        # Frames that were permuted into the grid's order no longer meander.
        is_sorted = self.measurement.is_permuted
        return replace(grid, is_meandering=False) if is_sorted else grid

    @cached_property
    def reconstruction(self) -> StoredImages:
        """The images.

        Raises:
            InputError: If there are none, their shape is not that of the grid, or they are too
                large for memory.
        """
        name = "/reconstruction/data"
        parts = self._file.parts(name)
        grid = read_grid(self._file, "/reconstruction")
        shape = parts[0].shape
        if len(shape) not in (2, 3) or grid.num_positions not in (None, shape[1]):
            raise InputError(
                f"{self.path}: {name} has the shape {shape} for {grid.num_positions} voxels: it "
                "must be frames × voxels × channels"
            )
        if sum(map(num_bytes, parts)) > MAX_BLOCK_BYTES:
            raise InputError(f"{self.path}: {name} is larger than 1 GiB: store fewer frames a file")
        data = self._file.block(name, parts, ())
        self._file.require_finite(name, data)
        return StoredImages(grid, data.reshape(*shape[:2], -1))

    @cached_property
    def is_simulation(self) -> bool:
        """Whether the file says that it was simulated."""
        name = first_name(self._file, "/experiment/isSimulation", "/study/isSimulation")
        return flag(self._file, name) if name else False

    def text(self, name: str) -> str | None:
        """Returns a field of text by its absolute name, or None."""
        return self._file.text(name)[0] if self._file.find(name) is not None else None

    def _read_version(self) -> tuple[int, ...]:
        if self._file.find("/version") is None:
            raise InputError(
                f"{self.path} is HDF5, but no MDF: it has no field /version, only "
                f"{', '.join(self._file.names()) or 'nothing'}"
            )
        text = self._file.text("/version")[0]
        major, *others = text.strip().lstrip("v").split(".")
        if major != "2":
            raise InputError(
                f"{self.path} is MDF version {text}: 2.0 and 2.1 are read; convert it first"
            )
        return 2, int(others[0]) if others and others[0].isdigit() else 0
