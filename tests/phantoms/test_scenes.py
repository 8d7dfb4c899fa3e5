import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional

from mpi_cascade.checks import InputError
from mpi_cascade.phantoms.dilution import Diluted
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.phantoms.scenes import (
    Capsules,
    SingleDiscs,
    TwoPoints,
    capsule_shapes,
    pair_shapes,
)
from mpi_cascade.physics.scanner import cell_centres
from mpi_cascade.randomness import RandomStreams

FIELD_OF_VIEW_M = (3.2e-3, 6.4e-3)
SUITE = TwoPoints(gaps_mm=(0.1, 0.3, 0.0), diameter_mm=0.4, cases_per_gap=50)
TURNED = TwoPoints(
    gaps_mm=(0.1, 0.3, 0.0), diameter_mm=0.4, cases_per_gap=50, angles_deg=(-45.0, 180.0)
)


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


@pytest.mark.parametrize("suite", [SUITE, TURNED], ids=["along x", "turned"])
def test_both_discs_lie_inside_the_field_of_view_and_all_over_it(suite):
    (shape,) = pair_shapes(suite.pairs(streams(range(150)), FIELD_OF_VIEW_M))
    outermost = shape.start.abs().amax(dim=0).double().numpy() + 0.2e-3
    half_m = np.array(FIELD_OF_VIEW_M[::-1]) / 2
    assert (outermost <= half_m + 1e-9).all()
    assert (outermost > 0.95 * half_m).all()


def test_angles_are_uniform_between_their_bounds():
    direction = TURNED.pairs(streams(range(150)), FIELD_OF_VIEW_M).direction.double().numpy()
    np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1, atol=1e-6)
    shares = (np.rad2deg(np.arctan2(direction[:, 1], direction[:, 0])) + 45) / 225
    assert stats.kstest(shares, "uniform").pvalue > 0.01


def test_along_y_is_one_angle():
    suite = TwoPoints(gaps_mm=(0.2,), cases_per_gap=3, angles_deg=(90.0, 90.0))
    pairs = suite.pairs(streams(range(3)), FIELD_OF_VIEW_M)
    np.testing.assert_allclose(pairs.direction, [[0, 1]] * 3, atol=1e-6)
    (shape,) = pair_shapes(pairs)
    np.testing.assert_allclose(shape.start[3:] - shape.start[:3], [[0, 0.6e-3]] * 3, atol=1e-9)


def test_the_second_disc_may_be_weaker():
    suite = TwoPoints(gaps_mm=(0.6,), cases_per_gap=5, second_concentration=0.5)
    drawing = suite.draw(streams(range(5)), FIELD_OF_VIEW_M)
    image = render(drawing.shapes, 5, (64, 128), FIELD_OF_VIEW_M)
    half_spacing_m = 0.5e-3 * drawing.pairs.direction
    for sign, expected in ((-1, 1.0), (1, 0.5)):
        place = (drawing.pairs.centre_m + sign * half_spacing_m) / torch.tensor([3.2e-3, 1.6e-3])
        found = functional.grid_sample(image, place[:, None, None], align_corners=False)
        np.testing.assert_allclose(found.flatten(), expected, rtol=1e-4)


VARIED = TwoPoints(
    gaps_mm=(0.1, 0.3), diameter_mm=(0.3, 0.6), cases_per_gap=500, concentration=(0.1, 0.9),
    second_concentration=(0.5, 1.0),
)  # fmt: skip


def test_diameters_and_concentrations_are_uniform_between_their_bounds_and_independent():
    drawing = VARIED.draw(streams(range(1000)), FIELD_OF_VIEW_M)
    first, second = drawing.shapes[0].amplitude.double().reshape(2, 1000).numpy()
    diameter_mm = 1e3 * drawing.pairs.diameter_m.double().numpy()
    drawn = {"diameter": (diameter_mm - 0.3) / 0.3, "first": (first - 0.1) / 0.8,
             "second": (second / first - 0.5) / 0.5}  # fmt: skip
    for shares in drawn.values():
        assert stats.kstest(shares, "uniform").pvalue > 0.01
    correlations = np.corrcoef(list(drawn.values()))[np.triu_indices(3, 1)]
    assert (np.abs(correlations) < 0.1).all()
    np.testing.assert_allclose(2e3 * drawing.shapes[0].start_radius[1000:], diameter_mm, rtol=1e-6)


def test_a_capsule_has_the_concentration_of_the_first_disc_of_its_pair():
    drawing = VARIED.draw(streams(range(1000)), FIELD_OF_VIEW_M)
    capsules = Capsules(outlines=VARIED).draw(streams(range(1000)), FIELD_OF_VIEW_M)
    assert torch.equal(capsules.shapes[0].amplitude, drawing.shapes[0].amplitude[:1000])


def test_discs_may_have_any_diameter_and_concentration_of_a_range():
    scene = SingleDiscs(diameter_mm=(0.2, 0.6), concentration=(0.1, 0.5))
    drawing = scene.draw(streams(range(400)), FIELD_OF_VIEW_M)
    for values, low, high in ((1e3 * drawing.pairs.diameter_m, 0.2, 0.6),
                              (drawing.shapes[0].amplitude, 0.1, 0.5)):  # fmt: skip
        assert stats.kstest((values.double().numpy() - low) / (high - low), "uniform").pvalue > 0.01


def test_fixed_values_are_those_of_a_range_without_a_width():
    one, same = (
        TwoPoints(diameter_mm=diameter, second_concentration=share, cases_per_gap=4).draw(
            streams(range(16)), FIELD_OF_VIEW_M
        )
        for diameter, share in ((0.4, 0.5), ((0.4, 0.4), (0.5, 0.5)))
    )
    for column, expected in zip(one.shapes[0], same.shapes[0], strict=True):
        assert torch.equal(column, expected)


@pytest.mark.parametrize("concentration", [(0.0, 1.0), (0.6, 0.5), (0.5, 1.1)])
@pytest.mark.parametrize("scene", [TwoPoints, SingleDiscs])
def test_impossible_ranges_of_concentrations_are_refused(scene, concentration):
    with pytest.raises(InputError, match=rf"^{scene.__name__}\.concentration is \["):
        scene(concentration=concentration)


def test_a_capsule_has_the_outline_of_its_pair():
    pairs = TURNED.pairs(streams(range(150)), FIELD_OF_VIEW_M)
    capsules = Capsules(outlines=TURNED).draw(streams(range(150)), FIELD_OF_VIEW_M)
    for column, expected in zip(capsules.pairs, pairs, strict=True):
        assert torch.equal(column, expected)
    (shape,), (discs,) = capsules.shapes, pair_shapes(pairs)
    assert torch.equal(torch.cat((shape.start, shape.end)), discs.start)
    covered = render(capsules.shapes, 150, (64, 128), FIELD_OF_VIEW_M)
    image = render([discs], 150, (64, 128), FIELD_OF_VIEW_M)
    assert (covered - image).min() >= -1e-6
    assert covered.max() <= 1
    # The two discs' area, and the rectangle between their centres less half of each disc.
    length_m, radius_m = (0.4e-3 + pairs.gap_m).double().numpy(), 0.2e-3
    area_m2 = covered.double().mean(dim=(1, 2, 3)) * FIELD_OF_VIEW_M[0] * FIELD_OF_VIEW_M[1]
    expected = math.pi * radius_m**2 + 2 * radius_m * length_m
    np.testing.assert_allclose(area_m2, expected, rtol=0.01)


def test_single_discs_lie_inside_the_field_of_view_and_all_over_it():
    drawing = SingleDiscs(diameter_mm=0.6).draw(streams(range(150)), FIELD_OF_VIEW_M)
    centre_m = drawing.pairs.centre_m.double().numpy()
    half_m = np.array(FIELD_OF_VIEW_M[::-1]) / 2
    outermost = np.abs(centre_m).max(axis=0) + 0.3e-3
    assert (outermost <= half_m + 1e-9).all()
    assert (outermost > 0.95 * half_m).all()
    np.testing.assert_allclose(drawing.pairs.gap_m, -0.6e-3, rtol=1e-6)
    np.testing.assert_allclose(drawing.pairs.diameter_m, 0.6e-3, rtol=1e-6)


def test_a_single_disc_is_rendered_with_its_area_where_it_is_said_to_lie():
    drawing = SingleDiscs(diameter_mm=0.6).draw(streams(range(8)), FIELD_OF_VIEW_M)
    image = render(drawing.shapes, 8, (64, 128), FIELD_OF_VIEW_M).double()[:, 0]
    area_m2 = image.mean(dim=(1, 2)) * FIELD_OF_VIEW_M[0] * FIELD_OF_VIEW_M[1]
    np.testing.assert_allclose(area_m2, math.pi * 0.3e-3**2, rtol=0.01)
    for axis, (num, size_m) in enumerate(((128, 6.4e-3), (64, 3.2e-3))):
        profile = image.sum(dim=1 + axis)
        mean_m = (profile * cell_centres(num, size_m)).sum(dim=1) / profile.sum(dim=1)
        np.testing.assert_allclose(mean_m, drawing.pairs.centre_m[:, axis], atol=1e-6)


@pytest.mark.parametrize(
    "scene", [SUITE, TURNED, Capsules(outlines=TURNED), SingleDiscs()],
    ids=["along x", "turned", "capsules", "discs"],
)  # fmt: skip
def test_a_scene_does_not_depend_on_its_batch(scene):
    together = scene.draw(streams([140, 3, 77]), FIELD_OF_VIEW_M)
    alone = scene.draw(streams([77]), FIELD_OF_VIEW_M)
    for column, expected in zip(together.pairs, alone.pairs, strict=True):
        assert torch.equal(column[2:], expected)
    chosen = together.shapes[0].sample == 2
    for column, expected in zip(together.shapes[0][1:], alone.shapes[0][1:], strict=True):
        assert torch.equal(column[chosen], expected)


def test_a_diluted_scene_is_the_same_with_less_tracer():
    drawing = VARIED.draw(streams(range(20)), FIELD_OF_VIEW_M)
    diluted = Diluted(scene=VARIED, share=0.1).draw(streams(range(20)), FIELD_OF_VIEW_M)
    torch.testing.assert_close(diluted.shapes[0].amplitude, 0.1 * drawing.shapes[0].amplitude)
    assert torch.equal(diluted.shapes[0].start, drawing.shapes[0].start)
    assert torch.equal(diluted.pairs.gap_m, drawing.pairs.gap_m)


def test_a_diluted_scene_is_refused_as_the_scene_is():
    with pytest.raises(InputError, match=r"^the discs of the evaluation are 3\.3 mm wide"):
        Diluted(scene=SingleDiscs(diameter_mm=3.3)).check_fits(FIELD_OF_VIEW_M)
    with pytest.raises(InputError, match=r"^Diluted\.share is 1\.5: it must lie in 0 … 1"):
        Diluted(scene=SingleDiscs(), share=1.5)


def test_positions_are_not_tied_to_pixels():
    centre_m = SUITE.pairs(streams(range(150)), FIELD_OF_VIEW_M).centre_m.numpy()
    assert len(np.unique(np.round(centre_m / 1e-9) % 100_000, axis=0)) == 150


def test_a_pair_is_rendered_with_the_area_of_two_discs():
    pairs = SUITE.pairs(streams([3, 60]), FIELD_OF_VIEW_M)
    images = render(pair_shapes(pairs), 2, (64, 128), FIELD_OF_VIEW_M)
    area_m2 = images.mean(dim=(1, 2, 3)) * FIELD_OF_VIEW_M[0] * FIELD_OF_VIEW_M[1]
    np.testing.assert_allclose(area_m2, 2 * math.pi * 0.2e-3**2, rtol=0.01)


def test_an_empty_batch_has_no_pairs():
    pairs = SUITE.pairs(streams(torch.arange(0)), FIELD_OF_VIEW_M)
    for (shape,) in (pair_shapes(pairs), capsule_shapes(pairs)):
        assert len(pairs.gap_m) == len(shape.sample) == 0


def test_pairs_wider_than_the_field_of_view_are_refused():
    suite = TwoPoints(gaps_mm=(0.1, 2.0), diameter_mm=1.0)
    suite.check_fits((6.4e-3, 4.01e-3))
    for scene in (suite, Capsules(outlines=suite)):
        with pytest.raises(InputError, match=r"are 4\.00 mm wide, .* has 3\.99 mm"):
            scene.check_fits((6.4e-3, 3.99e-3))


def test_discs_wider_than_the_field_of_view_are_refused():
    SingleDiscs(diameter_mm=3.2).check_fits(FIELD_OF_VIEW_M)
    with pytest.raises(InputError, match=r"^the discs of the evaluation are 3\.3 mm wide, .*3\.20"):
        SingleDiscs(diameter_mm=3.3).check_fits(FIELD_OF_VIEW_M)


def test_a_disc_without_a_diameter_is_refused():
    with pytest.raises(InputError, match=r"^SingleDiscs\.diameter_mm is 0\.0: it must be a number"):
        SingleDiscs(diameter_mm=0.0)


@pytest.mark.parametrize("angles_deg", [(10.0, 0.0), (0.0, math.inf), (math.nan, 0.0)])
def test_impossible_angles_are_refused(angles_deg):
    with pytest.raises(InputError, match=r"^TwoPoints\.angles_deg is \[.*ascending pair"):
        TwoPoints(angles_deg=angles_deg)


@pytest.mark.parametrize("concentration", [-0.1, 1.1, math.nan, (0.5, 0.4), (0.5, 1.5)])
def test_impossible_concentrations_are_refused(concentration):
    with pytest.raises(InputError, match=r"^TwoPoints\.second_concentration is .* within 0 … 1"):
        TwoPoints(second_concentration=concentration)


@pytest.mark.parametrize("gaps_mm", [(), (0.1, -0.1)])
def test_impossible_gaps_are_refused(gaps_mm):
    with pytest.raises(InputError, match=r"^TwoPoints\.gaps_mm is \["):
        TwoPoints(gaps_mm=gaps_mm)


@pytest.mark.parametrize(("name", "value"), [("diameter_mm", 0.0), ("cases_per_gap", 0)])
def test_a_suite_of_nothing_is_refused(name, value):
    with pytest.raises(InputError, match=rf"^TwoPoints\.{name} is {value}: it must"):
        TwoPoints(**{name: value})
