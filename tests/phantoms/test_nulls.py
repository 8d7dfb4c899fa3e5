import math

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from mpi_cascade.checks import InputError
from mpi_cascade.metrics.resolution import RAYLEIGH_DIP, pair_dip
from mpi_cascade.phantoms.nulls import (
    BentCapsules,
    Ellipses,
    FilledDumbBells,
    Nulls,
    SingleBars,
    SingleCapsules,
    null_forms,
)
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.physics.scanner import cell_centres
from mpi_cascade.randomness import RandomStreams

SIZE_M = (3.2e-3, 4.8e-3)
FORMS = null_forms()
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def streams(indices):
    return RandomStreams(seed=0, stream=3, indices=torch.as_tensor(indices))


def drawn(scene, num=100, factor=1):
    drawing = scene.draw(streams(range(num)), SIZE_M)
    return drawing, render(drawing.shapes, num, (128 * factor, 192 * factor), SIZE_M)


def area_mm2(image):
    return 1e6 * image.double().mean(dim=(1, 2, 3)).numpy() * SIZE_M[0] * SIZE_M[1]


def fixed(form, width, length, num=8, **others):
    scene = form(
        width_mm=(width, width), length_mm=(length, length), concentration=(1.0, 1.0), **others
    )
    return area_mm2(drawn(scene, num, 4)[1])


@each_form
def test_every_object_is_one_of_one_concentration(form):
    drawing, image = drawn(form, factor=2)
    brightest = image.amax(dim=(1, 2, 3), keepdim=True)
    _, first = np.unique(drawing.shapes[0].sample, return_index=True)
    amplitudes = drawing.shapes[0].amplitude[first]
    torch.testing.assert_close(brightest.flatten(), amplitudes, rtol=1e-3, atol=1e-4)
    for one, top in zip(image[:, 0].numpy(), brightest.flatten().tolist(), strict=True):
        assert ndimage.label(one > 0.5 * top)[1] == 1


@each_form
def test_objects_lie_inside_the_field_of_view_and_all_over_it(form):
    drawing, image = drawn(form, num=400)
    # Nothing is cut off: as much lies in a larger field of view.
    larger = render(drawing.shapes, 400, (256, 384), (6.4e-3, 9.6e-3))
    sums = (picture.double().sum(dim=(1, 2, 3)) for picture in (image, larger))
    torch.testing.assert_close(*sums, rtol=1e-5, atol=1e-5)
    for axis in (2, 3):
        reached = (image > 0).any(dim=5 - axis).any(dim=0)[0]
        assert reached[:4].any() and reached[-4:].any()


@each_form
def test_no_object_has_a_dip_of_its_own(form):
    drawing, image = drawn(form, num=500, factor=2)
    assert pair_dip(image, drawing.pairs, SIZE_M).max() < 0.05
    # On pixels of 0.1 mm, few of which are wholly inside a narrow neck.
    coarse = torch.nn.functional.avg_pool2d(image, 8)
    dips = pair_dip(coarse, drawing.pairs, SIZE_M)
    assert (dips >= RAYLEIGH_DIP).double().mean() <= 0.01


@each_form
def test_the_hypothesised_discs_lie_on_the_object_a_gap_apart(form):
    drawing, image = drawn(form, num=300, factor=2)
    pairs = drawing.pairs
    assert (pairs.gap_m > 0).all() and (pairs.diameter_m > 0).all()
    np.testing.assert_allclose(pairs.direction.norm(dim=1), 1, rtol=1e-6)
    covered = image / image.amax(dim=(1, 2, 3), keepdim=True)
    for sign in (-1, 0, 1):
        place = (
            pairs.centre_m
            + sign * 0.5 * (pairs.gap_m + pairs.diameter_m)[:, None] * pairs.direction
        )
        grid = place / torch.tensor([2.4e-3, 1.6e-3])
        found = torch.nn.functional.grid_sample(covered, grid[:, None, None], align_corners=False)
        assert found.min() > 0.9


@each_form
def test_sizes_are_those_of_the_hypothesis_and_within_their_bounds(form):
    pairs = form.draw(streams(range(500)), SIZE_M).pairs
    length_mm = 1e3 * (2 * pairs.diameter_m + pairs.gap_m)
    assert pairs.diameter_m.max() <= 0.6e-3 and length_mm.max() <= 1.6 + 1e-6
    assert (1e3 * pairs.diameter_m <= 0.45 * length_mm * (1 + 1e-5)).all()
    if not isinstance(form, BentCapsules):
        assert length_mm.min() > 0.4 and length_mm.max() > 1.5
        assert pairs.diameter_m.max() > 0.55e-3


def test_angles_and_concentrations_are_uniform_between_their_bounds():
    drawing = SingleCapsules().draw(streams(range(500)), SIZE_M)
    direction = drawing.pairs.direction.double().numpy()
    turns = np.arctan2(direction[:, 1], direction[:, 0]) / math.pi
    concentrations = (drawing.shapes[0].amplitude.double().numpy() - 0.1) / 0.9
    for shares in (turns, concentrations):
        assert stats.kstest(shares, "uniform").pvalue > 0.01


def test_areas_are_the_closed_forms():
    width, length = 0.4, 1.2
    capsule = math.pi * width**2 / 4 + width * (length - width)
    np.testing.assert_allclose(fixed(SingleCapsules, width, length), capsule, rtol=0.01)
    np.testing.assert_allclose(fixed(SingleBars, width, length), width * length, rtol=0.01)
    ellipse = math.pi * width * length / 4
    np.testing.assert_allclose(fixed(Ellipses, width, length), ellipse, rtol=0.015)
    # A strip along an arc has the area of a straight one, and so have its ends.
    bent = fixed(BentCapsules, width, length, bend_deg=(90.0, 90.0))
    np.testing.assert_allclose(bent, capsule, rtol=0.015)
    dumb_bells = fixed(FilledDumbBells, width, length, neck=(1.0, 1.0))
    np.testing.assert_allclose(dumb_bells, capsule, rtol=0.01)
    # Of two discs and a neck: the neck begins inside each disc, at the height of its edge.
    half_neck = 0.3 * width
    inside = math.sqrt((width / 2) ** 2 - half_neck**2)
    angle = math.asin(half_neck / (width / 2))
    segment = (width / 2) ** 2 * angle - half_neck * inside
    neck = 2 * half_neck * (length - width - 2 * inside) - 2 * segment
    expected = math.pi * width**2 / 2 + neck
    found = fixed(FilledDumbBells, width, length, neck=(0.6, 0.6))
    np.testing.assert_allclose(found, expected, rtol=0.01)


def test_an_ellipse_is_where_its_equation_says():
    scene = Ellipses(width_mm=(0.5, 0.5), length_mm=(1.4, 1.4), concentration=(1.0, 1.0))
    drawing, image = drawn(scene, 20, 2)
    y, x = torch.meshgrid(cell_centres(256, SIZE_M[0]), cell_centres(384, SIZE_M[1]), indexing="ij")
    pairs = drawing.pairs
    offset = torch.stack((x, y), dim=-1) - pairs.centre_m[:, None, None]
    along = (offset * pairs.direction[:, None, None]).sum(dim=-1)
    across = offset[..., 0] * pairs.direction[:, None, None, 1] - (
        offset[..., 1] * pairs.direction[:, None, None, 0]
    )
    radius = ((along / 0.7e-3).square() + (across / 0.25e-3).square()).sqrt()
    assert (image[:, 0][radius < 0.9] > 0.99).all()
    assert (image[:, 0][radius > 1.1] == 0).all()


@pytest.mark.parametrize("form", [*FORMS.values(), Nulls()], ids=[*FORMS, "all"])
def test_an_object_does_not_depend_on_its_batch(form):
    together = form.draw(streams([140, 3, 77]), SIZE_M)
    alone = form.draw(streams([77]), SIZE_M)
    for column, expected in zip(together.pairs, alone.pairs, strict=True):
        assert torch.equal(column[2:], expected)
    images = (render(d.shapes, n, (64, 96), SIZE_M) for d, n in ((together, 3), (alone, 1)))
    first, second = images
    assert torch.equal(first[2:], second)


def test_all_forms_take_turns():
    together = Nulls().draw(streams(range(10)), SIZE_M)
    images = render(together.shapes, 10, (64, 96), SIZE_M)
    for number, form in enumerate(FORMS.values()):
        alone = form.draw(streams([number, number + 5]), SIZE_M)
        assert torch.equal(images[number::5], render(alone.shapes, 2, (64, 96), SIZE_M))
        for column, expected in zip(together.pairs, alone.pairs, strict=True):
            assert torch.equal(column[number::5], expected)


def test_an_empty_batch_has_no_objects():
    drawing = Nulls().draw(streams(torch.arange(0)), SIZE_M)
    assert len(drawing.pairs.gap_m) == 0
    assert all(len(shape.sample) == 0 for shape in drawing.shapes)


def test_forms_may_be_larger():
    forms = null_forms(2.0)
    assert all(form.width_mm == (0.4, 1.2) and form.length_mm == (0.8, 3.2)
               for form in forms.values())  # fmt: skip


@pytest.mark.parametrize("scene", [SingleBars(), Nulls()])
def test_objects_larger_than_the_field_of_view_are_refused(scene):
    scene.check_fits((1.8e-3, 1.8e-3))
    with pytest.raises(InputError, match=r"^the single objects .* may be 1\.71 mm .* has 1\.70 mm"):
        scene.check_fits((1.7e-3, 6.4e-3))


@pytest.mark.parametrize(
    ("form", "values"),
    [
        (SingleCapsules, {"width_mm": (0.3, 0.2)}),
        (Ellipses, {"length_mm": (0.0, 1.0)}),
        (SingleBars, {"concentration": (0.0, 1.0)}),
        (FilledDumbBells, {"neck": (0.5, 1.5)}),
        (BentCapsules, {"bend_deg": (0.0, 90.0)}),
    ],
)
def test_impossible_forms_are_refused(form, values):
    (name,) = values
    with pytest.raises(InputError, match=rf"^{form.__name__}\.{name} is \["):
        form(**values)
