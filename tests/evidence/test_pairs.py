"""Pairs that are found or given, and the table of those of many scans."""

import pytest
import torch
from results import table

from mpi_cascade.checks import InputError
from mpi_cascade.evidence.evidence import Evidence
from mpi_cascade.evidence.pair_test import Verdict
from mpi_cascade.evidence.pairs import Pair, PairTest
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.pair_table import PairTable

SIZE_M = 3.2e-3
SCANNER = Scanner(field_of_view_x_m=SIZE_M, field_of_view_y_m=SIZE_M, num_ffp_x=32, num_ffp_y=32)
MODEL = ForwardModel(SCANNER, (32, 32))
TEST = PairTest(MODEL)
NOISE = 1e-3


def image_of(*columns):
    """Returns squares of 0.3 mm in one row."""
    image = torch.zeros(1, 1, 32, 32)
    for column in columns:
        image[..., 14:17, column : column + 3] = 1.0
    return image


def at_mm(column):
    return 0.1 * (column - 15.5)


def test_the_closest_pairs_are_found_and_the_rest_of_the_peaks_are_others():
    found = TEST.wanted(image_of(2, 8, 24)[0, 0], NOISE)
    distances = [1e3 * abs(one[0] - two[0]) for (one, two), _ in found]
    assert distances == pytest.approx([0.6])
    assert [len(wanted.others_m) for wanted in found] == [1]


def test_a_given_pair_keeps_what_lies_between():
    points = ((1e-3 * at_mm(2), 0.0), (1e-3 * at_mm(12), 0.0))
    (wanted,) = TEST.wanted(image_of(2, 8, 24)[0, 0], NOISE, points)
    assert [1e3 * place[0] > 0.5 for place in wanted.others_m] == [True]


@pytest.mark.parametrize(
    ("points_m", "sentence"),
    [
        (
            ((0.0, 0.0), (2e-3, 0.0)),
            r"the point \(2, 0\) mm lies outside of the field of view, 3.2",
        ),
        (((0.0, float("nan")), (1e-3, 0.0)), r"the point \(0, nan\) mm lies outside"),
        (((5e-4, 1e-4), (5e-4, 1e-4)), r"both points of the pair are \(0.5, 0.1\) mm: give the pl"),
    ],
)
def test_points_that_are_no_pair(points_m, sentence):
    with pytest.raises(InputError, match=sentence):
        TEST.check(points_m)
    with pytest.raises(InputError, match=sentence):
        PairTable(TEST, 1, points_m)
    with pytest.raises(InputError, match=sentence):
        Evidence(MODEL).pairs(torch.zeros(1, 1, 32, 32), image_of(2), points_m)


def test_a_line_shows_no_discs():
    line = PairTest(ForwardModel(Scanner(num_ffp_x=16, num_ffp_y=1), (1, 16)))
    assert line.wanted(torch.rand(1, 16), NOISE) == []
    with pytest.raises(InputError, match="images of one line show no discs"):
        line.check(((0.0, 0.0), (1e-3, 0.0)))


def verdict_of(p):
    return lambda *_: Pair((0.0, 0.0), (1e-3, 0.0), Verdict(3.0, 2.0, p, 1.0))


def test_the_table_stops_at_its_limit_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(PairTest, "__call__", verdict_of(0.2))
    tested = PairTable(TEST, 2)
    images = image_of(2, 8).repeat(4, 1, 1, 1)
    noise = torch.tensor([NOISE, torch.nan, NOISE, NOISE])
    tested.add(10, torch.zeros(4, 1, 32, 32), images, noise)
    assert [row.scan for row in tested.rows] == [10, 12]
    assert len(tested.of_scan(10)) == 1 and tested.of_scan(11) == []
    first, second = tested.lines()
    assert "2 tested, 0 supported by their scans at 5 % false alarms; 1 more were not" in first
    assert second.startswith(
        "warning: may be single objects (pairs.csv): 2, the first is in scan 10"
    )
    tested.write(tmp_path / "pairs.csv")
    rows = table(tmp_path / "pairs.csv")
    assert [row["scan"] for row in rows] == ["10", "12"]
    assert (rows[0]["x2_mm"], rows[0]["false_alarms"], rows[0]["supported"]) == ("1.0", "0.2", "no")


def test_without_pairs_there_is_nothing_to_say():
    tested = PairTable(TEST, 5)
    tested.add(0, torch.zeros(1, 1, 32, 32), image_of(8), torch.tensor([NOISE]))
    assert tested.lines() == [] and tested.num_found == 0
