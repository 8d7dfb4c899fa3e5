"""Writes what ``results.md`` and the README show first, from the CSV files of the final suite.

    python docs/results_tables.py

These are their tables behind the line ``<!-- python docs/results_tables.py -->``, and
``resolution.png``. A test checks that the tables are up to date.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar, get_type_hints

from mpi_cascade.evaluation.bounds import Bound
from mpi_cascade.evaluation.limits import Limit
from mpi_cascade.evaluation.methods import FINAL, ZERO_IMAGE
from mpi_cascade.evaluation.resolution_figure import resolution_curves
from mpi_cascade.evaluation.summary import Summary
from mpi_cascade.evaluation.tables import Column, cell
from mpi_cascade.evaluation.thresholds import ALL_NULLS
from mpi_cascade.results.tables import markdown_table

DOCS = Path(__file__).parent
FINAL_SUITE = DOCS / "results" / "final"

RESULTS_METHODS = {
    "exact": "exact",
    "5 percent": "5 percent",
    "ADMM": "ADMM, tuned for PSNR",
    "ADMM, resolution": "ADMM, tuned for resolution",
    "Tikhonov": "Tikhonov",
}
README_METHODS = {"exact": "cascade", "ADMM": "ADMM, total variation"}

_MARK = "<!-- python docs/results_tables.py -->"
_MARKED = re.compile(rf"(?<={_MARK}\n)(?:\|.*\n)*")
_ALONG_X, _ALONG_Y = "pairs along x, 0.3–0.6 mm", "pairs along y, 0.4 mm"
_UNEQUAL = f"{_ALONG_X}, 1 : 0.4–0.8"
_TIME = re.compile(r"^\| ms per image +(\|.*)", re.MULTILINE)
_READ = {
    str: str, int: int, bool: "True".__eq__, float: lambda cell: float(cell or "nan"),
    float | None: lambda cell: float(cell) if cell else None,
}  # fmt: skip

Row = TypeVar("Row", bound=NamedTuple)
OfMethod = dict[tuple[str, str, float | None], tuple[float, float, float]]
"""What a method reaches, with the ends of its interval, by set, metric and gap in mm."""


class Line(NamedTuple):
    """A line of a table.

    Attributes:
        title: Heading, with the unit.
        columns: What is shown; several values stand without their intervals.
        has_interval: Whether a single value stands with its interval.
        of_zero_image: Whether the title says what a zero image has.
    """

    title: str
    columns: tuple[Column, ...]
    has_interval: bool = True
    of_zero_image: bool = False


def _percent(set_name: str, metric: str, gap_mm: float | None = None) -> Column:
    return Column("", set_name, metric, 100, 0 if "resolved" in metric else 1, gap_mm)


def _resolved(gap_mm: float) -> Line:
    title = f"… at {gap_mm:.2f} mm"
    return Line(title, (_percent(_ALONG_X, "resolved_at_1pct", gap_mm),))


PSNR = Column("", "phantoms", "psnr_db", digits=1)
RESULTS_LINES = (
    Line("PSNR of 64 phantoms / dB", (PSNR,), of_zero_image=True),
    Line("nRMSE", (Column("", "phantoms", "nrmse"),), has_interval=False, of_zero_image=True),
    Line("mass bias / %", (Column("", "phantoms", "mass_bias", 100, 1),)),
    Line(
        "pairs of 0.3–0.6 mm along x resolved at 0.10 mm / %",
        (_percent(_ALONG_X, "resolved_at_1pct", 0.1),),
    ),
    *map(_resolved, (0.15, 0.2, 0.3)),
    Line(
        "… at 0.15 mm, second disc 0.4–0.8 of the first",
        (_percent(_UNEQUAL, "resolved_at_1pct", 0.15),),
    ),
    Line("resolvable gap along x / mm", (Column("", _ALONG_X, "resolvable_gap_mm"),), False),
    Line("… by Rayleigh's dip", (Column("", _ALONG_X, "resolvable_gap_rayleigh_mm"),), False),
    Line("300 nulls of five forms split / %", (_percent(ALL_NULLS, "split_at_1pct"),)),
    Line("… by Rayleigh's dip", (_percent(ALL_NULLS, "false_splits"),)),
    Line(
        "capsules most like the pairs along x split / %",
        (_percent(_ALONG_X.replace("pairs", "least favourable"), "split_at_1pct"),),
    ),
    Line("… along y", (_percent(_ALONG_Y.replace("pairs", "least favourable"), "split_at_1pct"),)),
)
README_LINES = (
    Line("PSNR of phantoms / dB", (PSNR,)),
    Line(
        "single objects split, each at its own threshold / %",
        (_percent(ALL_NULLS, "split_at_1pct"),),
    ),
    Line(
        "pairs along x resolved at 0.10 / 0.15 / 0.20 / 0.30 mm, at that threshold / %",
        tuple(_percent(_ALONG_X, "resolved_at_1pct", gap_mm) for gap_mm in (0.1, 0.15, 0.2, 0.3)),
    ),
)


def tables() -> dict[Path, str]:
    """Returns the table of each page."""
    summaries = rows(FINAL_SUITE / "comparison.csv", Summary)
    title = "pairs and nulls at each method's own threshold, the rest as measured"
    return {
        DOCS / "results.md": _table(summaries, title, RESULTS_METHODS, RESULTS_LINES),
        DOCS.parent / "README.md": _table(summaries, "", README_METHODS, README_LINES),
    }


def with_table(text: str, table: str) -> str:
    """Returns a page with another table.

    Args:
        text: The page.
        table: The table.
    """
    return _MARKED.sub(lambda _: f"{table}\n", text)


def rows(path: Path, kind: type[Row]) -> list[Row]:
    """Returns the rows of a CSV file of a comparison.

    Args:
        path: The file.
        kind: What a row is.
    """
    hints = get_type_hints(kind)
    with path.open(encoding="utf-8", newline="") as file:
        return [
            kind(**{key: _READ[hints[key]](value) for key, value in row.items()})
            for row in csv.DictReader(file)
        ]


def values_of(path: Path) -> dict[str, OfMethod]:
    """Returns what the final images of each method in a comparison reach.

    Args:
        path: Its CSV file.
    """
    values: dict[str, OfMethod] = defaultdict(dict)
    for row in rows(path, Summary):
        if row.image == FINAL:
            values[row.label][row.set_name, row.metric, row.gap_mm] = row.value, row.low, row.high
    return values


def _table(
    summaries: Sequence[Summary], title: str, methods: dict[str, str], lines: Sequence[Line]
) -> str:
    body = []
    for line in lines:
        zero = f" (zero image: {_shown(summaries, ZERO_IMAGE, line).partition(' ')[0]})"
        cells = [_shown(summaries, label, line) for label in methods]
        body.append([f"{line.title}{zero if line.of_zero_image else ''}", *cells])
    times = _times_ms()
    body.append(["time per image / ms, batches of 32", *(times[label] for label in methods)])
    return markdown_table([title, *methods.values()], body)


def _shown(summaries: Sequence[Summary], label: str, line: Line) -> str:
    cells = []
    for column in line.columns:
        wanted = label, FINAL, column.set_name, column.metric, column.gap_mm
        cells.append(cell(next(item for item in summaries if item[:5] == wanted), column))
    if len(cells) > 1 or not line.has_interval:
        cells = [value.partition(" ")[0] for value in cells]
    return " / ".join(cells).replace("-", "−")


def _times_ms() -> dict[str, str]:
    """Returns the time per image of each method, which is in no CSV file."""
    text = (FINAL_SUITE / "comparison.md").read_text(encoding="utf-8")
    head = next(line for line in text.splitlines() if line.startswith("| method"))
    labels, times = (line.split("|") for line in (head.partition("|")[2], _TIME.search(text)[1]))
    return {
        label.strip(): f"{float(time):.2g}" if float(time) < 100 else f"{float(time):.0f}"
        for label, time in zip(labels[1:], times[1:], strict=True)
        if time.strip()
    }


def main() -> None:
    """Writes the tables and the picture."""
    for path, table in tables().items():
        path.write_text(with_table(path.read_text(encoding="utf-8"), table), encoding="utf-8")
    limits = rows(FINAL_SUITE / "limits.csv", Limit)
    figure = resolution_curves(
        rows(FINAL_SUITE / "comparison.csv", Summary), limits,
        rows(FINAL_SUITE / "bounds.csv", Bound),
        list(dict.fromkeys(limit.set_name for limit in limits)),
    )  # fmt: skip
    figure.savefig(FINAL_SUITE / "resolution.png", dpi=110)


if __name__ == "__main__":
    main()
