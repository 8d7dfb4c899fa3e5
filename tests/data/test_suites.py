import math

import numpy as np
import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.data.rendering import render
from mpi_cascade.data.suites import TwoPoints, pair_shapes
from mpi_cascade.randomness import RandomStreams

FIELD_OF_VIEW_M = (3.2e-3, 6.4e-3)
SUITE = TwoPoints(gaps_mm=(0.1, 0.3, 0.0), diameter_mm=0.4, cases_per_gap=50)


def streams(indices):
    return RandomStreams(seed=0, stream=3, indices=torch.as_tensor(indices))


def test_every_gap_has_its_cases_in_turn():
    assert len(SUITE) == 150
    gaps = SUITE.pairs(streams(range(150)), FIELD_OF_VIEW_M).gap_m
    expected = np.repeat([0.1e-3, 0.3e-3, 0.0], 50)
    np.testing.assert_allclose(gaps, expected, rtol=1e-6)


def test_two_equal_discs_lie_along_x_a_gap_apart():
    pairs = SUITE.pairs(streams(range(150)), FIELD_OF_VIEW_M)
    (shape,) = pair_shapes(pairs)
    assert torch.equal(shape.start, shape.end)
    np.testing.assert_allclose(2 * shape.start_radius, 0.4e-3, rtol=1e-6)
    assert torch.equal(shape.start_radius, shape.end_radius)
    assert (shape.amplitude == 1).all()
    for i in range(150):
        first, second = shape.start[shape.sample == i].double().numpy()
        expected = (0.4e-3 + float(pairs.gap_m[i]), 0.0)
        np.testing.assert_allclose(second - first, expected, atol=2e-9)
        np.testing.assert_allclose((first + second) / 2, pairs.centre_m[i], atol=2e-9)
        np.testing.assert_allclose(pairs.direction[i], (1, 0))


def test_both_discs_lie_inside_the_field_of_view_and_all_over_it():
    (shape,) = pair_shapes(SUITE.pairs(streams(range(150)), FIELD_OF_VIEW_M))
    outermost = shape.start.abs().amax(dim=0).double().numpy() + 0.2e-3
    half_m = np.array(FIELD_OF_VIEW_M[::-1]) / 2
    assert (outermost <= half_m + 1e-9).all()
    assert (outermost > 0.95 * half_m).all()


def test_positions_are_not_tied_to_pixels():
    centre_m = SUITE.pairs(streams(range(150)), FIELD_OF_VIEW_M).centre_m.numpy()
    assert len(np.unique(np.round(centre_m / 1e-9) % 100_000, axis=0)) == 150


def test_a_pair_is_rendered_with_the_area_of_two_discs():
    pairs = SUITE.pairs(streams([3, 60]), FIELD_OF_VIEW_M)
    images = render(pair_shapes(pairs), 2, (64, 128), FIELD_OF_VIEW_M)
    area_m2 = images.mean(dim=(1, 2, 3)) * FIELD_OF_VIEW_M[0] * FIELD_OF_VIEW_M[1]
    np.testing.assert_allclose(area_m2, 2 * math.pi * 0.2e-3**2, rtol=0.01)


def test_a_pair_does_not_depend_on_its_batch():
    together = SUITE.pairs(streams([140, 3, 77]), FIELD_OF_VIEW_M)
    alone = SUITE.pairs(streams([77]), FIELD_OF_VIEW_M)
    for column, expected in zip(together, alone, strict=True):
        assert torch.equal(column[2:], expected)


def test_an_empty_batch_has_no_pairs():
    pairs = SUITE.pairs(streams(torch.arange(0)), FIELD_OF_VIEW_M)
    (shape,) = pair_shapes(pairs)
    assert len(pairs.gap_m) == len(shape.sample) == 0


def test_pairs_wider_than_the_field_of_view_are_refused():
    suite = TwoPoints(gaps_mm=(0.1, 2.0), diameter_mm=1.0)
    suite.check_fits((6.4e-3, 4.01e-3))
    with pytest.raises(InputError, match=r"are 4\.00 mm wide, .* has 3\.99 mm"):
        suite.check_fits((6.4e-3, 3.99e-3))


@pytest.mark.parametrize("gaps_mm", [(), (0.1, -0.1)])
def test_impossible_gaps_are_refused(gaps_mm):
    with pytest.raises(InputError, match=r"^TwoPoints\.gaps_mm is \["):
        TwoPoints(gaps_mm=gaps_mm)


@pytest.mark.parametrize(("name", "value"), [("diameter_mm", 0.0), ("cases_per_gap", 0)])
def test_a_suite_of_nothing_is_refused(name, value):
    with pytest.raises(InputError, match=rf"^TwoPoints\.{name} is {value}: it must"):
        TwoPoints(**{name: value})
