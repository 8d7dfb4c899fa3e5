"""Careful access to HDF5 files from anywhere: one sentence for what can't be used, bounded memory.

A file is never trusted: links out of it are not followed, a declared size is compared with what is
stored, and no field of metadata is read that is larger than a fixed number of bytes.
"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

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

File = TypeVar("File", bound="HDF5File")


class HDF5File:
    """An HDF5 file whose data sets are read by name; use it as a context manager.

    Args:
        path: The file.

    Raises:
        InputError: If it does not exist, is no HDF5 file, or was cut off.
    """

    def __init__(self, path: Path) -> None:
        require_file(path)
        self.path = path
        try:
            self._file = h5py.File(path, "r")
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{path} is no HDF5 file, or was cut off: copy it again from where it was made"
            ) from error

    def __enter__(self: File) -> File:
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
            for part in filter(None, name.split("/")):
                link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
                if link is None:
                    return None
                if not isinstance(link, h5py.HardLink):
                    raise InputError(
                        f"{self.path}: {name} is a link to somewhere else: store the data itself"
                    )
                found = found[part]
        return found

    def text(self, name: str) -> str:
        """Returns a data set of text, the first of several.

        Raises:
            InputError: If it is absent or no text.
        """
        found = self._dataset(name)
        with self.reading(name):
            is_text = h5py.check_string_dtype(found.dtype) is not None
            if not is_text or _num_bytes(found) > MAX_FIELD_BYTES:
                raise InputError(f"{self.path}: {name} is no short text: store it as a string")
            return str(np.ravel(found.asstr(errors="replace")[()])[0]).strip()

    def array(self, name: str) -> NDArray[Any]:
        """Returns a small data set of real or complex numbers.

        Raises:
            InputError: If it is absent, no numbers, has NaN or infinite values, or is far larger
                than metadata can be.
        """
        numbers = self.numbers(name)
        if numbers.num_bytes > MAX_FIELD_BYTES:
            raise InputError(
                f"{self.path}: {name} declares {numbers.num_bytes / 2**20:.0f} MiB: no such field "
                "is that large, so the file is damaged"
            )
        values = numbers.read()
        if not np.isfinite(values).all():
            raise InputError(
                f"{self.path}: {name} has NaN or infinite values: leave out what was not measured"
            )
        return values

    def numbers(self, name: str) -> "Numbers":
        """Returns the numbers behind a name: one data set, or real and imaginary part in a group.

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
        found = [self._dataset(part) for part in names]
        for part in found:
            if not _is_numeric(part.dtype):
                raise InputError(
                    f"{self.path}: {name} is of the type {part.dtype}: it must be numbers"
                )
        if len({part.shape for part in found}) > 1:
            raise InputError(
                f"{self.path}: {name} has parts of the shapes {found[0].shape} and "
                f"{found[1].shape}: real and imaginary part must match"
            )
        return Numbers(self, name, found)

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
                f"{self.path}: {name} can't be read ({_reason(error)}): the file is "
                "damaged, or uses a filter that is not installed"
            ) from error

    def _dataset(self, name: str) -> h5py.Dataset:
        """Returns a data set that is safe to read in blocks."""
        found = self.find(name)
        if not isinstance(found, h5py.Dataset):
            raise InputError(f"{self.path} has no data set {name}: it holds {self._around(name)}")
        with self.reading(name):
            problem = _storage_problem(found)
        if problem:
            raise InputError(f"{self.path}: {name} {problem}")
        return found

    def _around(self, name: str) -> str:
        parent = name.rsplit("/", 1)[0]
        while parent and self.find(parent) is None:
            parent = parent.rsplit("/", 1)[0]
        return f"{', '.join(self.names(parent)[:20]) or 'nothing'} in {parent or '/'}"


class Numbers:
    """Real or complex numbers of a file, whose parts are read when they are asked for.

    Attributes:
        shape: Their shape.
        dtype: Their type in the file.
        is_complex: Whether they have a real and an imaginary part, stored in any way.
        num_bytes: Their declared size.
    """

    def __init__(self, file: HDF5File, name: str, parts: list[h5py.Dataset]) -> None:
        self._file, self._name, self._parts = file, name, parts
        self.shape = tuple(int(length) for length in parts[0].shape)
        self.dtype = parts[0].dtype
        self.is_complex = len(parts) == 2 or self.dtype.kind == "c" or self.dtype.names is not None
        self.num_bytes = sum(map(_num_bytes, parts))

    def read(self, selection: tuple[Any, ...] = ()) -> NDArray[Any]:
        """Returns a part of them, bit by bit.

        Raises:
            InputError: If it can't be read.
        """
        with self._file.reading(self._name):
            values = [np.asarray(part[selection]) for part in self._parts]
            if values[0].dtype.names is not None:
                values = [values[0][part] for part in values[0].dtype.names]
            if len(values) == 1:
                return values[0]
            precision = np.result_type(*values, np.float32)
            whole = np.empty(values[0].shape, np.result_type(precision, np.complex64))
            whole.real, whole.imag = values
            return whole


def require_file(path: Path) -> None:
    """Raises an InputError unless there is a file."""
    if path.is_dir():
        raise InputError(f"{path} is a directory: name a file in it")
    if not path.is_file():
        raise InputError(f"the file {path} does not exist")


def _reason(error: Exception) -> str:
    """Returns what HDF5 says, without the numbers and addresses after it."""
    first = (str(error).splitlines() or [type(error).__name__])[0].strip("'\"")
    return re.split(r" \(|, errno|: errno|, time", first)[0]


def _storage_problem(found: h5py.Dataset) -> str | None:
    """Returns why a data set is not safe to read, or None."""
    if found.is_virtual or found.external:
        return "lies in other files: store the data itself"
    if found.shape is None or math.prod(found.shape) == 0:
        return "is empty"
    if found.dtype.itemsize * math.prod(found.chunks or (1,)) > MAX_BLOCK_BYTES:
        return f"has chunks of {found.chunks}: store it in chunks of less than 1 GiB"
    if _num_bytes(found) > _MAX_COMPRESSION * found.id.get_storage_size():
        return (
            f"declares the shape {found.shape}, but the file does not hold that much: it is "
            "damaged or was never finished"
        )
    return None


def _num_bytes(found: h5py.Dataset) -> int:
    """Returns the declared size of a data set, which NumPy's own product may overflow."""
    return int(found.dtype.itemsize) * math.prod(found.shape)


def _is_numeric(dtype: np.dtype[Any]) -> bool:
    if dtype.names is None:
        return dtype.kind in "iufcb"
    parts = [dtype[name] for name in dtype.names]
    return dtype.names in _COMPLEX_PARTS and all(
        part.kind in "iufcb" and not part.shape for part in parts
    )
