"""A new HDF5 file, absent or whole, of records and of data sets that grow block by block."""

import errno
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mpi_cascade.mdf.records import attributes
from mpi_cascade.results.files import refusing_unwritable, whole_file

_CHUNK_BYTES = 2**16

_MARGIN_BYTES = 2**22
"""What a file may take beyond its data: HDF5's own tables, and what it holds back until the end."""

_TYPES = {str: h5py.string_dtype(), bool: np.int8, int: np.int64, float: np.float64}


class NewFile:
    """An HDF5 file to write.

    HDF5 may crash the process when a disk is full: every method looks for room first, and raises an
    OSError if there is none.

    Args:
        file: The file.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file

    def write(self, name: str, values: Any, dtype: Any = None) -> None:
        """Writes a data set.

        Args:
            name: Its absolute name.
            values: Its values.
            dtype: Its type; that of the values if None.
        """
        self._require_room(np.asarray(values).nbytes)
        self._file.create_dataset(name, data=values, dtype=dtype)

    def write_record(self, group: str, record: Any) -> None:
        """Writes the attributes of a record that are not None in the types of the format.

        Args:
            group: Absolute name of its group.
            record: The record.
        """
        for attribute, how, names in attributes(record, group):
            if (value := getattr(record, attribute)) is not None:
                self.write(names[0], value, _TYPES[how.kind])

    def append(self, name: str, block: NDArray[Any]) -> None:
        """Adds frames to a data set, along its first axis.

        Args:
            name: Its absolute name.
            block: The frames, always of one shape and type.
        """
        self._require_room(block.nbytes)
        frame, num_frames = block.shape[1:], self.num_frames(name)
        if name not in self._file:
            # Tiny chunks cost more than they hold.
            chunk = max(1, _CHUNK_BYTES // (block.dtype.itemsize * math.prod(frame)))
            self._file.create_dataset(
                name, (0, *frame), block.dtype, maxshape=(None, *frame), chunks=(chunk, *frame)
            )
        found = self._file[name]
        found.resize(num_frames + len(block), axis=0)
        found[num_frames:] = block

    def num_frames(self, name: str) -> int:
        """Returns how many frames a data set has so far."""
        return len(self._file[name]) if name in self._file else 0

    def _require_room(self, num_bytes: int) -> None:
        free = shutil.disk_usage(Path(self._file.filename).parent).free
        if free < num_bytes + _MARGIN_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def new_file(path: Path) -> Iterator[NewFile]:
    """Opens a file for writing that takes its name only when it is whole.

    Args:
        path: The file; one that exists is replaced.

    Raises:
        InputError: If it can't be written.
    """
    with refusing_unwritable(path, "choose another place"), whole_file(path) as partial:
        file = h5py.File(partial, "x")
        try:
            yield NewFile(file)
        finally:
            _close(file)


def _close(file: h5py.File) -> None:
    """Closes a file; what HDF5 can't write even then is an OSError."""
    try:
        file.close()
    except RuntimeError as error:
        raise OSError(str(error)) from error
