"""How often intervals hold the truth: an ensemble's by theory, and all of them as written."""

import pytest
import torch
from results import table

from mpi_cascade.evaluation.comparison import write_comparison
from mpi_cascade.evaluation.interval_coverage import LIKE_CALIBRATION, coverage
from mpi_cascade.evaluation.measuring import report
from mpi_cascade.evaluation.methods import Method
from mpi_cascade.evaluation.suites import training_suite
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.results.progress import Progress
from mpi_cascade.scans.simulated import Sample


def test_an_ensemble_whose_members_scatter_as_the_truth_does_holds_90_percent(
    with_intervals, monkeypatch
):
    """Student's prediction interval: the truth is one more draw of what the members are."""
    cascade = with_intervals.cascade
    generator = torch.Generator().manual_seed(0)

    def scattered(num):
        # Far above 0, so that every pixel has tracer.
        return torch.randn(num, 1, 16, 16, generator=generator) + 10

    def like(cascade, num, batch_size):
        for _ in range(8):
            signal = torch.zeros(64, 1, 16, 16)
            yield Sample(torch.arange(64), signal, scattered(64), None)

    members = [
        Method("one", number, lambda signal: {"final": scattered(len(signal))}, "", cascade=cascade)
        for number in range(3)
    ]
    monkeypatch.setattr("mpi_cascade.evaluation.interval_coverage.calibration_like", like)
    monkeypatch.setattr("mpi_cascade.evaluation.interval_coverage._guaranteed", lambda method: None)
    (row,) = coverage(members, [], cascade.experiment, 64, Progress(None))
    assert (row.number, row.is_guaranteed, row.set_name) == (-1, False, LIKE_CALIBRATION)
    assert row.covered == pytest.approx(0.9, abs=0.005)


def test_a_comparison_writes_what_intervals_hold(with_intervals, tmp_path, capsys):
    cascade, pairs = with_intervals.cascade, TwoPoints(gaps_mm=(0.5,), cases_per_gap=4)
    test, val = (training_suite(cascade.experiment, pairs, 6, split) for split in ("test", "val"))
    comparison = report(cascade, test, val, classical=())
    figures = write_comparison(tmp_path, comparison)
    # 6 phantoms come with as many nulls of each of five forms, too few for a threshold.
    assert "–: 30 single objects can't tell a threshold" in capsys.readouterr().out
    like, phantoms = table(tmp_path / "coverage.csv")
    assert (like["set_name"], like["is_guaranteed"]) == (LIKE_CALIBRATION, "True")
    assert (phantoms["set_name"], phantoms["is_guaranteed"]) == ("phantoms", "False")
    text = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| cascade") and "void" in line]
    assert len(lines) == 1
    assert f"{100 * float(phantoms['covered']):.1f} (" in lines[0]
    assert (tmp_path / "coverage.png").is_file()
    shown, withheld = figures["coverage"].axes
    assert [label.get_text() for label in shown.get_yticklabels()] == [LIKE_CALIBRATION, "phantoms"]
    (mark,) = (line for line in withheld.lines if line.get_ydata()[0] > 0.5)
    assert mark.get_xdata()[0] == pytest.approx(100 * float(phantoms["withheld"]))
