"""Tables as CSV, JSON and Markdown."""

import csv
import itertools
import json
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mpi_cascade.results.files import whole_file, write_text

_ANY_WIDTH = 10**6


def write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes a table as CSV; what is None or NaN is an empty cell.

    Args:
        path: The file.
        head: Names of the columns; of named tuples their ``_fields``.
        rows: The cells of each row.
    """
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(["" if _is_missing(cell) else cell for cell in row] for row in rows)


def write_json(path: Path, content: Any) -> None:
    """Writes JSON; a number that is not finite becomes null."""
    text = json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, f"{text}\n")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table, its columns aligned.

    Args:
        head: Headings.
        rows: The cells of each row.

    Examples:
        >>> print(markdown_table(["method", "dB"], [["ADMM", "28.6"]]))
        | method | dB   |
        | ------ | ---- |
        | ADMM   | 28.6 |
    """
    cells = [list(head), *map(list, rows)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in cells
    )


def for_terminal(text: str) -> str:
    """Returns Markdown whose tables are no wider than the terminal; without one, as it is.

    A wider table becomes several, each with its first column.

    Args:
        text: The Markdown, its tables as ``markdown_table`` writes them.
    """
    width = shutil.get_terminal_size(fallback=(_ANY_WIDTH, 24)).columns
    parts = (
        _narrow(list(lines), width) if is_table else lines
        for is_table, lines in itertools.groupby(
            text.split("\n"), lambda line: line.startswith("| ")
        )
    )
    return "\n".join(itertools.chain.from_iterable(parts))


def _narrow(lines: list[str], width: int) -> list[str]:
    if len(lines[0]) <= width:
        return lines
    first, *columns = zip(*(line[2:-2].split(" | ") for line in lines), strict=True)
    found, room = [], -1
    for column in columns:
        needed = len(column[0]) + 3
        if needed > room:
            found.append([first])
            room = width - len(first[0]) - 4
        found[-1].append(column)
        room -= needed
    tables = [[f"| {' | '.join(row)} |" for row in zip(*group, strict=True)] for group in found]
    return [line for table in tables for line in (*table, "")][:-1]


def _is_missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, tuple) and hasattr(content, "_asdict"):
        return _finite(content._asdict())
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
