"""Records: dataclasses whose attributes say how files store them, to read, check and write by."""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mpi_cascade.checks import InputError
from mpi_cascade.mdf.hdf5 import HDF5File

Record = TypeVar("Record")

_LENGTHS = {
    "N": "frames", "J": "periods", "C": "channels", "K": "frequencies", "V": "samples",
    "W": "frequencies", "D": "drive channels", "F": "drive frequencies",
}  # fmt: skip
_LARGEST_INTEGER = 2**53
"""The largest of which float64 knows every neighbour."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """How files store an attribute of a record.

    Attributes:
        names: Its name in MDF v2.1, then those of earlier versions; within the record's group, or
            absolute.
        kind: ``str``, ``bool`` (0 or 1), ``int`` (≥ 1), ``float`` or ``complex``.
        axes: Lengths of its axes, a number or a letter each. One that ``_LENGTHS`` names is the
            same in all fields of a file; a small letter may be 1 too, the same for all.
        is_required: Whether no file may leave it out.
        counts: The letter whose length is the value of the field.
        least: Its least value.
        limit: The largest magnitude that can be in the format's unit, and this unit.
        earlier: Axes in v2.0, and what makes today's values of those.
        needed_if: Flag of the same record without which the field does not count.
    """

    names: tuple[str, ...]
    kind: type
    axes: str
    is_required: bool
    counts: str | None = None
    least: float | None = None
    limit: tuple[float, str] | None = None
    earlier: tuple[str, Callable[[NDArray[Any]], NDArray[Any]]] | None = None
    needed_if: str | None = None


def stored(names: str, kind: type, axes: str = "", *, default: Any = MISSING, **rules: Any) -> Any:
    """Returns an attribute of a record that files store.

    Args:
        names: Its names, separated by spaces; see ``Stored`` for this and what follows.
        kind: Its type.
        axes: Its axes.
        default: What a file without it means, or a function that makes it; None is not written.
        rules: Further attributes of ``Stored``.
    """
    how = Stored(
        names=tuple(names.split()), kind=kind, axes=axes, is_required=default is MISSING, **rules
    )
    if callable(default):
        return field(default_factory=default, metadata={"stored": how})
    return field(default=default, metadata={"stored": how})


def attributes(record: Any, group: str) -> Iterator[tuple[str, Stored, list[str]]]:
    """Yields the attributes of a record, how each is stored, and its absolute names."""
    for attribute in fields(record):
        how = attribute.metadata["stored"]
        names = [name if name.startswith("/") else f"{group}/{name}" for name in how.names]
        yield attribute.name, how, names


class RecordReader:
    """Reads the records of a file; lengths that contradict each other are refused.

    Args:
        file: The open file.
    """

    def __init__(self, file: HDF5File) -> None:
        self._file = file
        self._lengths: dict[str, tuple[int, str]] = {}

    def read(self, record: type[Record], group: str) -> Record:
        """Returns a record of a group.

        Raises:
            InputError: If a field that is required is absent, or one has another type or shape, or
                a value that it can't have.
        """
        values: dict[str, Any] = {}
        for attribute, how, names in attributes(record, group):
            is_needed = values.get(how.needed_if, False) if how.needed_if else how.is_required
            name = next((name for name in names if self._file.find(name) is not None), None)
            if is_needed or (name and not how.needed_if):
                values[attribute] = self._value(name or names[0], how)
        return record(**values)

    def agree(self, name: str, letter: str, length: int) -> None:
        """Raises an InputError if another field has said another length.

        Args:
            name: Absolute name of the field that says this one.
            letter: What it is the length of.
            length: The length.
        """
        what = _LENGTHS.get(letter.upper())
        if what is None or (letter.islower() and length == 1):
            return
        known, source = self._lengths.setdefault(letter.upper(), (length, f"{name} has {length}"))
        if known != length:
            raise self.refusal(name, f"has {length} {what}, {source}: they must agree")

    def refusal(self, name: str, problem: str) -> InputError:
        """Returns the error of a field that can't be used.

        Args:
            name: Absolute name of the field.
            problem: The rest of the sentence.
        """
        return InputError(f"{self._file.path}: {name} {problem}")

    def _value(self, name: str, how: Stored) -> Any:
        if how.kind is str:
            return self._file.text(name)
        values = self._file.array(name)
        if np.iscomplexobj(values) and how.kind is not complex:
            raise self.refusal(name, "is complex: it must be real")
        values = values.astype(complex if how.kind is complex else float)
        shaped = self._shaped(name, how, values)
        if problem := _problem(shaped, how):
            raise self.refusal(name, problem)
        result: NDArray[Any] = shaped.astype(how.kind)
        if how.counts:
            self._count(name, how.counts, int(result))
        if not how.axes:
            return result.item()
        return tuple(result.tolist()) if how.axes == "3" else result

    def _count(self, name: str, letter: str, value: int) -> None:
        self._lengths[letter] = (value, f"{name} is {value}")
        if letter == "V":
            components = value // 2 + 1
            self._lengths["W"] = (components, f"{name} makes {components}")

    def _shaped(self, name: str, how: Stored, values: NDArray[Any]) -> NDArray[Any]:
        """Returns values with all their axes: files may leave out those of length 1."""
        axes, make, shaped = how.axes.split(), None, values
        if how.earlier and values.ndim <= len(how.earlier[0].split()):
            axes, make = how.earlier[0].split(), how.earlier[1]
        if len(axes) < 2:
            shaped = values.reshape(() if not axes and values.size == 1 else -1)
        else:
            shaped = values.reshape((1,) * (len(axes) - values.ndim) + values.shape)
        is_fitting = shaped.ndim == len(axes) and all(
            int(axis) == length
            for axis, length in zip(axes, shaped.shape, strict=True)
            if axis.isdigit()
        )
        if not is_fitting:
            wanted = " × ".join(how.axes.upper().split()) or "one number"
            raise self.refusal(name, f"has the shape {values.shape}: it must be {wanted}")
        for axis, length in zip(axes, shaped.shape, strict=True):
            self.agree(name, axis, length)
        return make(shaped) if make else shaped


def _problem(values: NDArray[Any], how: Stored) -> str | None:
    """Returns what is wrong with values of the right shape, or None."""
    worst = None
    if how.kind is bool:
        worst, rule = values[~np.isin(values, (0, 1))], "0 or 1"
    elif how.kind is int:
        is_valid = (values == np.round(values)) & (values >= 1) & (values <= _LARGEST_INTEGER)
        worst, rule = values[~is_valid], "an integer ≥ 1"
    elif how.least is not None:
        worst, rule = values[values < how.least], f"≥ {how.least:g}"
    if worst is not None and worst.size:
        return f"is {worst.flat[0]:g}: it must be {rule}"
    if how.limit and (largest := np.abs(values).max()) > how.limit[0]:
        return f"reaches {largest:g}: the format's unit is {how.limit[1]}, so convert it"
    return None
