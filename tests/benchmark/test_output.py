import json

from mpi_cascade.benchmark.output import scaling_figure, table, write_json
from mpi_cascade.benchmark.timing import Row

ROWS = [
    Row("scaling", "simulation, 32 × 32 pixels", "ms per sample", 0.25, 0.2, 0.3),
    Row("scaling", "simulation, 64 × 64 pixels", "ms per sample", 1.0, 0.9, 1.1),
    Row("scaling", "exponent of simulation: cost ∝ pixelsᵃ", "a", 1.0, 1.0, 1.0),
    Row("scaling", "exponent of n log n over these sizes", "a", 1.1, 1.1, 1.1),
    Row("training", "fit", "samples/s", 1234.5, 1200.0, 1300.0),
]


def test_the_table_has_a_block_per_section_and_quartiles_where_there_are_rounds():
    lines = table(ROWS).splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == ["scaling", "training"]
    assert "0.25 ms per sample (0.2 … 0.3)" in lines[1]
    assert lines[3].endswith("1 a")
    assert "1234" in lines[-1]


def test_the_json_holds_every_row_and_the_machine(tmp_path):
    write_json(tmp_path / "benchmark.json", ROWS)
    found = json.loads((tmp_path / "benchmark.json").read_text())
    assert [Row(**row) for row in found["rows"]] == ROWS
    assert found["machine"]["threads"] >= 1


def test_the_figure_has_a_curve_per_cost_with_its_exponent():
    (axes,) = scaling_figure(ROWS).axes
    (label,) = axes.get_legend_handles_labels()[1]
    assert label == "simulation: pixels^1.00"
    assert scaling_figure(ROWS[-1:]) is None
