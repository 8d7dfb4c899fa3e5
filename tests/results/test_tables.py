import json
import math
from typing import NamedTuple

from results import table

from mpi_cascade.results.tables import for_terminal, markdown_table, write_csv, write_json


class Row(NamedTuple):
    name: str
    gap_mm: float | None
    value: float


def test_csv_has_a_row_for_each_tuple_and_nothing_where_nothing_is_known(tmp_path):
    path = tmp_path / "found.csv"
    write_csv(path, Row._fields, [Row("pairs, x", 0.1, 1.5), Row("discs", None, math.nan)])
    assert table(path) == [
        {"name": "pairs, x", "gap_mm": "0.1", "value": "1.5"},
        {"name": "discs", "gap_mm": "", "value": ""},
    ]


def test_json_has_null_for_what_is_undefined(tmp_path):
    rows = [Row("mse", None, 30.0), Row("l1", 0.1, math.nan), Row("l1", 0.2, math.inf)]
    write_json(tmp_path / "found.json", {"suite": "brief", "results": rows})
    text = (tmp_path / "found.json").read_text()
    assert "NaN" not in text and "Infinity" not in text
    contents = json.loads(text)
    assert contents["suite"] == "brief"
    assert contents["results"][0] == rows[0]._asdict()
    assert [row["value"] for row in contents["results"]] == [30.0, None, None]


def test_columns_are_as_wide_as_their_widest_cell():
    assert markdown_table(["method", "dB"], [["l1", "31.250"], ["–", ""]]).splitlines() == [
        "| method | dB     |",
        "| ------ | ------ |",
        "| l1     | 31.250 |",
        "| –      |        |",
    ]


def test_tables_on_a_terminal_are_no_wider_than_it(monkeypatch):
    wide = markdown_table(["method", *(f"set {number}" for number in range(30))], [["1"] * 31] * 2)
    text = f"before\n\n{wide}\n\nafter"
    assert for_terminal(text) == text
    monkeypatch.setenv("COLUMNS", "80")
    lines = for_terminal(text).splitlines()
    assert lines[0] == "before" and lines[-1] == "after"
    assert max(map(len, lines)) <= 80
    assert sum(line.count("set ") for line in lines) == 30
    heads = [line for line in lines if "set " in line]
    assert len(heads) > 1 and all(line.startswith("| method | ") for line in heads)
    assert all(len(line) == len(heads[0]) for line in lines[2:6])
    monkeypatch.setenv("COLUMNS", "1000")
    assert for_terminal(text) == text
