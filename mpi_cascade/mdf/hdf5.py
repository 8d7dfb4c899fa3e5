"""Careful access to HDF5 files from anywhere: one sentence for what can't be used, bounded memory.

A file is never trusted: links out of it are not followed, a declared size is compared with what is
stored, and no read returns more than a fixed number of bytes. Must not know the format's fields.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError

MAX_FIELD_BYTES = 2**26
"""Most bytes of one field of metadata; a calibration's SNR is the largest in real files."""

MAX_BLOCK_BYTES = 2**30
"""Most bytes of signals that are read at once."""

# Deflate packs zeros at most 1032 to 1: whoever declares more has not stored it.
_MAX_COMPRESSION = 1100
_COMPLEX_PARTS = (("r", "i"), ("re", "im"), ("real", "imag"))


class HDF5File:
    """An HDF5 file whose data sets are read by name; use it as a context manager.

    Args:
        path: The file.

    Raises:
        InputError: If it does not exist, is no HDF5 file, or was cut off.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"the file {path} does not exist")
        self.path = path
        try:
            self._file = h5py.File(path, "r")
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{path} is no HDF5 file, or was cut off: copy it again from where it was made"
            ) from error

    def __enter__(self) -> "HDF5File":
        """Returns the open file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Closes the file."""
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def names(self, group: str = "/") -> list[str]:
        """Returns the names in a group, none where there is no such group."""
        found = self.find(group)
        with self.reading(group):
            return sorted(found) if isinstance(found, h5py.Group) else []

    def find(self, name: str) -> h5py.Group | h5py.Dataset | None:
        """Returns what lies at an absolute name, or None; links out of the file are refused."""
        found: Any = self._file
        with self.reading(name):
            for part in name.strip("/").split("/"):
                if not part:
                    continue
                link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
                if link is None:
                    return None
                if not isinstance(link, h5py.HardLink):
                    raise InputError(
                        f"{self.path}: {name} is a link to somewhere else: store the data itself"
                    )
                found = found[part]
        return found

    def dataset(self, name: str) -> h5py.Dataset:
        """Returns a data set of numbers or text that is safe to read in blocks.

        Raises:
            InputError: If it is absent, empty, stored in other files, or declares more than the
                file holds.
        """
        found = self.find(name)
        if not isinstance(found, h5py.Dataset):
            raise InputError(f"{self.path} has no data set {name}: it holds {self._describe(name)}")
        with self.reading(name):
            self._check_storage(name, found)
        return found

    def array(self, name: str) -> NDArray[Any]:
        """Returns a small data set of real or complex numbers.

        Raises:
            InputError: If it is absent, no numbers, has NaN or infinite values, or is far larger
                than metadata can be.
        """
        parts = self.parts(name)
        for part in parts:
            if num_bytes(part) > MAX_FIELD_BYTES:
                raise InputError(
                    f"{self.path}: {name} declares {num_bytes(part) / 2**20:.0f} MiB: no such "
                    "field is that large, so the file is damaged"
                )
        values = self.block(name, parts, ())
        self.require_finite(name, values)
        return values

    def text(self, name: str) -> list[str]:
        """Returns a data set of text as a list.

        Raises:
            InputError: If it is absent or no text.
        """
        found = self.dataset(name)
        with self.reading(name):
            is_text = h5py.check_string_dtype(found.dtype) is not None
            if not is_text or num_bytes(found) > MAX_FIELD_BYTES:
                raise InputError(f"{self.path}: {name} is no short text: store it as a string")
            return [str(value) for value in np.ravel(found.asstr(errors="replace")[()])]

    def parts(self, name: str) -> list[h5py.Dataset]:
        """Returns the data sets behind a name: one, or the real and imaginary parts in a group.

        Raises:
            InputError: If they are absent, no numbers, or of different shapes.
        """
        names = [name]
        if isinstance(self.find(name), h5py.Group):
            present = self.names(name)
            pairs = [pair for pair in _COMPLEX_PARTS if set(pair) <= set(present)]
            if not pairs:
                raise InputError(
                    f"{self.path}: {name} is a group of {', '.join(present) or 'nothing'}: it must "
                    "be a data set, or hold the parts r and i"
                )
            names = [f"{name}/{part}" for part in pairs[0]]
        found = [self.dataset(part) for part in names]
        for part in found:
            self._require_numbers(name, part)
        if len({part.shape for part in found}) > 1:
            raise InputError(
                f"{self.path}: {name} has parts of the shapes {found[0].shape} and "
                f"{found[1].shape}: real and imaginary part must match"
            )
        return found

    def block(
        self, name: str, parts: list[h5py.Dataset], selection: tuple[Any, ...]
    ) -> NDArray[Any]:
        """Returns a part of a data set of numbers, complex where it has two parts.

        Raises:
            InputError: If it can't be read.
        """
        with self.reading(name):
            values = [np.asarray(part[selection]) for part in parts]
            if values[0].dtype.names is not None:
                values = [values[0][part] for part in values[0].dtype.names]
            return values[0] if len(values) == 1 else _complex(*values)

    def require_finite(self, name: str, values: NDArray[Any]) -> None:
        """Raises an InputError if there are NaN or infinite values."""
        if not np.isfinite(values).all():
            raise InputError(
                f"{self.path}: {name} has NaN or infinite values: leave out what was not measured"
            )

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """Turns whatever HDF5 says about damaged contents into one sentence."""
        try:
            yield
        except InputError:
            raise
        except (
            OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError, MemoryError,
            AttributeError, SystemError,
        ) as error:  # fmt: skip
            raise InputError(
                f"{self.path}: {name} can't be read ({str(error).splitlines()[0]}): the file is "
                "damaged, or uses a filter that is not installed"
            ) from error

    def _check_storage(self, name: str, found: h5py.Dataset) -> None:
        if found.is_virtual or found.external:
            raise InputError(f"{self.path}: {name} lies in other files: store the data itself")
        if found.shape is None or math.prod(found.shape) == 0:
            raise InputError(f"{self.path}: {name} is empty")
        if found.dtype.itemsize * math.prod(found.chunks or (1,)) > MAX_BLOCK_BYTES:
            raise InputError(
                f"{self.path}: {name} has chunks of {found.chunks}: store it in chunks of less "
                f"than {MAX_BLOCK_BYTES / 2**30:.0f} GiB"
            )
        if num_bytes(found) > _MAX_COMPRESSION * found.id.get_storage_size():
            raise InputError(
                f"{self.path}: {name} declares the shape {found.shape}, but the file does not hold "
                "that much: it is damaged or was never finished"
            )

    def _require_numbers(self, name: str, found: h5py.Dataset) -> None:
        kinds = [found.dtype]
        if found.dtype.names is not None:
            if found.dtype.names not in _COMPLEX_PARTS:
                kinds = []
            kinds = [found.dtype[part] for part in found.dtype.names] if kinds else []
        if not kinds or any(kind.kind not in "iufcb" or kind.shape for kind in kinds):
            raise InputError(
                f"{self.path}: {name} is of the type {found.dtype}: it must be numbers"
            )

    def _describe(self, name: str) -> str:
        parent = name.rsplit("/", 1)[0]
        while parent and self.find(parent) is None:
            parent = parent.rsplit("/", 1)[0]
        names = self.names(parent or "/")
        return f"{', '.join(names[:20]) or 'nothing'} in {parent or '/'}"


def num_bytes(found: h5py.Dataset) -> int:
    """Returns the declared size of a data set, which NumPy's own product may overflow."""
    return int(found.dtype.itemsize) * math.prod(found.shape)


def _complex(real: NDArray[Any], imaginary: NDArray[Any]) -> NDArray[Any]:
    """Returns complex numbers of two parts, bit by bit."""
    precision = np.result_type(real, imaginary, np.float32)
    values = np.empty(real.shape, np.result_type(precision, np.complex64))
    values.real, values.imag = real, imaginary
    return values
