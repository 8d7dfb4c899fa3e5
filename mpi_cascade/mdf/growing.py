"""A data set of a new HDF5 file that is written block by block. Must not know what it holds."""

import math
from typing import Any

import h5py
from numpy.typing import NDArray

from mpi_cascade.mdf.writing import require_room

_CHUNK_BYTES = 2**16


class GrowingDataset:
    """A data set that grows by blocks of frames, its first axis.

    Args:
        file: The new file.
        name: Name of the data set.

    Attributes:
        num_frames: Frames so far.
    """

    def __init__(self, file: h5py.File, name: str) -> None:
        self._file, self._name = file, name
        self.num_frames = 0

    def append(self, block: NDArray[Any]) -> None:
        """Writes further frames, all of one shape and type.

        Raises:
            OSError: If the disk has no room for them.
        """
        require_room(self._file, block.nbytes)
        if self._name not in self._file:
            frame = block.shape[1:]
            # Tiny chunks cost more than they hold.
            chunk = max(1, _CHUNK_BYTES // (block.dtype.itemsize * math.prod(frame)))
            self._file.create_dataset(
                self._name,
                (0, *frame),
                block.dtype,
                maxshape=(None, *frame),
                chunks=(chunk, *frame),
            )
        found = self._file[self._name]
        found.resize(self.num_frames + len(block), axis=0)
        found[self.num_frames :] = block
        self.num_frames += len(block)
