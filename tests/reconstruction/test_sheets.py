"""Pictures of images in their parts, and of their intervals."""

import numpy as np
import pytest
from shown_scans import shown_scan

from mpi_cascade.evidence.pair_test import Verdict
from mpi_cascade.evidence.pairs import Pair
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.sheets import intervals_sheet, parts_sheet

SCANNER = Scanner(num_ffp_x=4, num_ffp_y=3)


def in_parts(shape, scale, pairs=()):
    random = np.random.default_rng(0)
    final, measured = (scale * random.random(shape).astype(np.float32) for _ in range(2))
    return shown_scan(final=final, measured=measured, prior=final - measured, pairs=pairs)


def test_the_parts_of_an_image_have_its_scale():
    images = [in_parts((6, 5), scale) for scale in (1.0, 0.01)]
    figure = parts_sheet(images, SCANNER)
    axes = [axis for axis in figure.axes if axis.images]
    assert len(axes) == 6
    for axis, image in zip(axes, np.repeat(np.arange(2), 3), strict=True):
        peak = np.abs(images[image].final).max()
        assert axis.images[0].get_clim() == (pytest.approx(-peak), pytest.approx(peak))
    assert axes[1].texts[0].get_text() == "25 %"


def test_pairs_are_lines_whole_only_where_the_scan_supports_them():
    pairs = [
        Pair((0.0, y), (1e-3, y), Verdict(1.0, 1.0, false_alarms, misfit))
        for y, false_alarms, misfit in ((0.0, 0.005, 1.0), (1e-3, 0.4, 1.0), (5e-4, 0.005, 2.0))
    ]
    figure = parts_sheet([in_parts((6, 5), 1.0, pairs)], SCANNER)
    lines = figure.axes[0].lines
    assert [line.get_linestyle() for line in lines] == ["-", ":", ":"]
    np.testing.assert_allclose(lines[0].get_xdata(), [0, 1])
    said = [text.get_text() for text in figure.axes[0].texts[1:]]
    assert said == ["0.5 %", "40 %: one?", "0.5 %: unclear"]


def test_parts_of_lines_are_profiles_on_one_scale():
    figure = parts_sheet([in_parts((1, 8), 1.0)], Scanner(num_ffp_x=4, num_ffp_y=1))
    assert [len(axis.lines) for axis in figure.axes] == [2, 2, 2]
    assert len({axis.get_ylim() for axis in figure.axes}) == 1


def test_nothing_but_zeros_can_be_drawn():
    figure = parts_sheet([shown_scan(share=float("nan"))], SCANNER)
    figure.draw_without_rendering()
    assert figure.axes[1].texts[0].get_text() == "not known"


def with_ends(shape, scale, withheld=""):
    final = scale * np.random.default_rng(0).random(shape).astype(np.float32)
    lower, upper = (np.full_like(final, np.nan),) * 2 if withheld else (0.5 * final, 1.5 * final)
    return shown_scan(final=final, lower=lower, upper=upper, withheld=withheld)


def test_all_intervals_of_an_image_have_the_scale_of_its_upper_end():
    images = [with_ends((6, 5), 1.0), with_ends((6, 5), 0.01), with_ends((6, 5), 0.1, "no SNR")]
    figure = intervals_sheet(images, SCANNER)
    axes = [axis for axis in figure.axes if axis.images]
    assert len(axes) == 12
    highest = [images[0].upper.max(), images[1].upper.max(), images[2].final.max()]
    for axis, limit in zip(axes, np.repeat(highest, 4), strict=True):
        assert axis.images[0].get_clim() == (0, pytest.approx(limit))
    half_width = axes[3].images[0].get_array()
    np.testing.assert_allclose(half_width, 0.5 * images[0].final, rtol=1e-6)
    assert axes[9].texts[0].get_text() == "withheld:\nno SNR"


def test_intervals_of_lines_are_profiles_with_a_band():
    figure = intervals_sheet([with_ends((1, 5), 1.0), with_ends((1, 5), 1.0, "no SNR")], SCANNER)
    first, second = figure.axes
    assert len(first.collections) == 1
    assert not second.collections
    assert second.texts[0].get_text() == "withheld: no SNR"
