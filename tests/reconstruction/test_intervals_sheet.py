"""Pictures of intervals."""

import numpy as np
import pytest
from shown_scans import shown_scan

from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.sheets import intervals_sheet

SCANNER = Scanner(num_ffp_x=4, num_ffp_y=3)


def shown(shape, scale, withheld=""):
    final = scale * np.random.default_rng(0).random(shape).astype(np.float32)
    lower, upper = (np.full_like(final, np.nan),) * 2 if withheld else (0.5 * final, 1.5 * final)
    return shown_scan(final=final, lower=lower, upper=upper, withheld=withheld)


def test_all_of_an_image_have_the_scale_of_its_upper_end():
    images = [shown((6, 5), 1.0), shown((6, 5), 0.01), shown((6, 5), 0.1, "no SNR")]
    figure = intervals_sheet(images, SCANNER)
    axes = [axis for axis in figure.axes if axis.images]
    assert len(axes) == 12
    highest = [images[0].upper.max(), images[1].upper.max(), images[2].final.max()]
    for axis, limit in zip(axes, np.repeat(highest, 4), strict=True):
        assert axis.images[0].get_clim() == (0, pytest.approx(limit))
    half_width = axes[3].images[0].get_array()
    np.testing.assert_allclose(half_width, 0.5 * images[0].final, rtol=1e-6)
    assert axes[9].texts[0].get_text() == "withheld:\nno SNR"


def test_lines_are_profiles_with_a_band():
    figure = intervals_sheet([shown((1, 5), 1.0), shown((1, 5), 1.0, "no SNR")], SCANNER)
    first, second = figure.axes
    assert len(first.collections) == 1
    assert not second.collections
    assert second.texts[0].get_text() == "withheld: no SNR"
