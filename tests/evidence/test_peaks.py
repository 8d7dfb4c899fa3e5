"""Peaks of images, and the pixels of what stands at them."""

import pytest
import torch

from mpi_cascade.evidence.peaks import peaks, region_of
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner, cell_centres

SHAPE, SIZE_M = (16, 24), (1.6e-3, 2.4e-3)
MODEL = ForwardModel(
    Scanner(field_of_view_y_m=SIZE_M[0], field_of_view_x_m=SIZE_M[1], num_ffp_x=24, num_ffp_y=16),
    SHAPE,
)
Y_M, X_M = (cell_centres(n, size).float() for n, size in zip(SHAPE, SIZE_M, strict=True))


def bump(row, column, height, width=1.5):
    rows, columns = torch.arange(16)[:, None], torch.arange(24)
    return height * torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))


def test_two_bumps_are_two_peaks_the_higher_first():
    found = peaks(bump(4, 5, 0.6) + bump(10, 18, 1.0), MODEL, 1e-4)
    assert found == [
        (pytest.approx(float(X_M[18])), pytest.approx(float(Y_M[10]))),
        (pytest.approx(float(X_M[5])), pytest.approx(float(Y_M[4]))),
    ]


@pytest.mark.parametrize(("depth", "num"), [(0.05, 1), (0.3, 2)])
def test_a_ripple_is_no_valley(depth, num):
    image = torch.zeros(SHAPE)
    image[6:9, 4:15] = 1
    image[6:9, 9] = 1 - depth
    assert len(peaks(image, MODEL, 1e-4)) == num


def test_what_noise_could_make_and_what_is_faint_are_no_peaks():
    image = bump(4, 5, 0.6) + bump(10, 18, 1.0)
    assert peaks(image, MODEL, 10.0) == []
    assert len(peaks(bump(4, 5, 0.05) + bump(10, 18, 1.0), MODEL, 1e-6)) == 1
    assert peaks(torch.zeros(SHAPE), MODEL, 1e-4) == []
    assert peaks(-image, MODEL, 1e-4) == []


def test_a_region_is_what_hangs_together_and_belongs_to_no_other_peak():
    image = torch.zeros(SHAPE)
    image[7, 2:20] = 1
    image[1, 1] = 1
    points = torch.stack((X_M[[4, 8]], Y_M[[7, 7]]), dim=1)
    none = torch.empty(0, 2)
    region = region_of(image, points, none, SIZE_M, 1.0)
    assert region[7, 2:20].all() and not region[1, 1]
    other = torch.tensor([[float(X_M[16]), float(Y_M[7])]])
    assert region_of(image, points, other, SIZE_M, 1.0)[7].nonzero().max() == 12
    assert region_of(image, points, none, SIZE_M, 5.5e-4)[7].nonzero().max() == 13
