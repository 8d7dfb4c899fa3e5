"""Files that are whole or not there, whatever ends their writing."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from mpi_cascade.checks import InputError

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG)
"""What a disk says that takes no more; other errors may be anyone's."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a path to write to, which takes the file's name when the block ends without an error.

    Args:
        path: The file; one that exists is replaced, or stays as it is after an error.
    """
    partial = path.with_name(f".partial-{uuid4().hex}-{path.name}")
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()


def write_text(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def refusing_unwritable(path: Path, remedy: str) -> Iterator[None]:
    """Turns the error of a place that can't be written into an InputError.

    Args:
        path: The place.
        remedy: What to do, for example ``choose another with --output``.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path} can't be written ({reason}): {remedy}") from error


@contextmanager
def whole_directory(directory: Path) -> Iterator[Path]:
    """Gives a place for files, which enter a directory together when all are whole.

    Args:
        directory: The directory, empty or not there; whatever ends the work leaves it so.

    Raises:
        InputError: If it can't be written.
    """
    is_new = not directory.exists()
    remedy = "choose another with --output"
    with refusing_unwritable(directory, remedy):
        directory.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=directory))
    try:
        try:
            yield unfinished
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            with refusing_unwritable(directory, remedy):
                raise
        with refusing_unwritable(directory, remedy):
            for path in sorted(unfinished.iterdir()):
                path.rename(directory / path.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if is_new and not any(directory.iterdir()):
            directory.rmdir()
