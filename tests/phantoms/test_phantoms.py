import math

import numpy as np
import pytest
import torch
from parts import HELD_OUT
from scipy import stats

from mpi_cascade.checks import InputError
from mpi_cascade.phantoms import (
    Bars,
    Letters,
    PhantomMixture,
    Points,
    ResolutionTubes,
    Rings,
    SingleObjects,
    SmoothBlobs,
    Vessels,
    default_families,
)
from mpi_cascade.phantoms.rendering import Strokes, present, render
from mpi_cascade.randomness import RandomStreams

NUM = 500
# Wider than high, and hardly larger than the largest phantom.
FIELD_OF_VIEW_M = (6.4e-3, 9e-3)
# Positions of some mm are float32: a ten-millionth of them.
ROUNDING_M = 2e-9
FAMILIES = default_families()
EVERY_FAMILY = FAMILIES | HELD_OUT | {"single objects": SingleObjects()}
each_family = pytest.mark.parametrize("family", EVERY_FAMILY.values(), ids=EVERY_FAMILY)


def streams(num_samples, first=0):
    return RandomStreams(seed=3, stream=0, indices=torch.arange(first, first + num_samples))


def drawn(family, num_samples=NUM, field_of_view_m=FIELD_OF_VIEW_M):
    uniforms = streams(num_samples).uniform("phantom", (family.num_uniforms,))
    return present(family.shapes(uniforms, field_of_view_m))


def of_each_sample(shape, num_samples=NUM):
    """Returns the shape's columns, in float64, of every sample in turn."""
    parts = [[column[shape.sample == i] for column in shape] for i in range(num_samples)]
    return [
        type(shape)(*(c.double().numpy() if c.is_floating_point() else c.numpy() for c in part))
        for part in parts
    ]


def assert_spans(values, bounds, share=0.05):
    """Asserts that values keep within their bounds and come close to both."""
    lower, upper = bounds
    margin = share * (upper - lower)
    rounding = 1e-5 * upper + 1e-12
    assert lower - rounding <= np.min(values) <= lower + margin
    assert upper - margin <= np.max(values) <= upper + rounding


@each_family
@pytest.mark.parametrize("field_of_view_m", [FIELD_OF_VIEW_M, (12e-3, 6.4e-3)])
def test_every_phantom_lies_inside_the_field_of_view(family, field_of_view_m):
    shape = drawn(family, NUM, field_of_view_m)
    assert set(shape.sample.tolist()) == set(range(NUM))
    half_m = np.array(field_of_view_m[::-1]) / 2 + ROUNDING_M
    if isinstance(shape, Strokes):
        points = torch.cat((shape.start, shape.end)).abs().double().numpy()
        radii = torch.cat((shape.start_radius, shape.end_radius)).double().numpy()[:, None]
    else:
        # Two standard deviations count as a blob's extent.
        points, radii = shape.centre.abs().double().numpy(), 2 * shape.sigma.double().numpy()
    assert (points + radii <= half_m).all()


@each_family
def test_phantoms_reach_every_side_of_the_field_of_view(family):
    shape = drawn(family)
    points = shape.start if isinstance(shape, Strokes) else shape.centre
    reach = points.double().numpy() / np.array(FIELD_OF_VIEW_M[::-1])
    assert (reach.min(axis=0) < -0.2).all() and (reach.max(axis=0) > 0.2).all()


@each_family
def test_no_phantom_is_larger_than_its_family_says(family):
    for phantom in of_each_sample(drawn(family)):
        if isinstance(phantom, Strokes):
            points = np.concatenate((phantom.start, phantom.end))
            radii = np.concatenate((phantom.start_radius, phantom.end_radius))[:, None]
        else:
            points, radii = phantom.centre, 2 * phantom.sigma
        extent = (points + radii).max(axis=0) - (points - radii).min(axis=0)
        assert extent.max() <= family.largest_extent_m + ROUNDING_M


@each_family
def test_a_phantom_depends_on_its_own_row_only(family):
    uniforms = streams(20).uniform("phantom", (family.num_uniforms,))
    together = family.shapes(uniforms, FIELD_OF_VIEW_M)
    alone = family.shapes(uniforms[13:14], FIELD_OF_VIEW_M)
    chosen = together.sample == 13
    for column, expected in zip(together[1:], alone[1:], strict=True):
        torch.testing.assert_close(column[chosen], expected, rtol=1e-6, atol=1e-9)


@each_family
def test_no_random_numbers_give_no_phantoms(family):
    shape = family.shapes(torch.zeros(0, family.num_uniforms), FIELD_OF_VIEW_M)
    assert all(len(column) == 0 for column in shape)


@each_family
def test_every_random_number_has_an_effect(family):
    # All present: the counts are the largest ones.
    base = torch.full((1, family.num_uniforms), 0.6)
    base[:, 0] = 0.99
    if isinstance(family, Vessels):
        base[:, 4] = 0.99
    if isinstance(family, Points):
        base[:, 1] = 0.99
    if isinstance(family, SingleObjects):
        base[:, 3] = 0.4
    reference = family.shapes(base, FIELD_OF_VIEW_M)
    without_effect = []
    for number in range(family.num_uniforms):
        other = base.clone()
        other[0, number] = 0.3
        shape = family.shapes(other, FIELD_OF_VIEW_M)
        same = [
            a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=1e-6, atol=1e-9)
            for a, b in zip(shape, reference, strict=True)
        ]
        if all(same):
            without_effect.append(number)
    # A chain of points has one link fewer than points: its first gap and angle are idle, as is
    # the choice of one diameter where all numbers are the same.
    idle = []
    if isinstance(family, Points):
        most = family.num_points[1]
        count = [0] if family.num_points[0] == most else []
        idle = [*count, 1, 4 + most, 4 + 2 * most]
    if isinstance(family, SingleObjects):
        idle = [3]  # Bent with either number.
    assert without_effect == idle


@pytest.mark.parametrize("num_points", [(2, 2), (1, 4)])
def test_points_keep_their_ranges(num_points):
    family = Points(
        num_points=num_points, diameter_mm=(0.2, 0.8), gap_mm=(0.1, 0.5), amplitude=(0.4, 0.9)
    )
    phantoms = of_each_sample(drawn(family))
    counts = np.bincount([len(p.sample) for p in phantoms])
    assert np.flatnonzero(counts).tolist() == list(range(num_points[0], num_points[1] + 1))
    diameters = 1e3 * np.concatenate([2 * p.start_radius for p in phantoms])
    assert_spans(diameters, (0.2, 0.8))
    assert_spans(np.concatenate([p.amplitude for p in phantoms]), (0.4, 0.9))
    gaps = []
    for phantom in phantoms:
        assert (phantom.start == phantom.end).all()
        distance = np.linalg.norm(np.diff(phantom.start, axis=0), axis=1)
        gaps.extend(1e3 * (distance - phantom.start_radius[1:] - phantom.start_radius[:-1]))
    assert_spans(gaps, (0.1, 0.5))


def test_half_of_the_pairs_have_equal_diameters():
    equal = [np.ptp(p.start_radius) == 0 for p in of_each_sample(drawn(Points()))]
    assert stats.binomtest(sum(equal), NUM, 0.5).pvalue > 0.01


def test_pairs_lie_in_every_direction():
    centre = drawn(Points(), 4000).start.double().numpy()
    axis = centre[1::2] - centre[::2]
    turns = np.arctan2(axis[:, 1], axis[:, 0]) / (2 * math.pi) % 1
    assert stats.kstest(turns, "uniform").pvalue > 0.01


def test_bars_keep_their_ranges_and_are_parallel():
    family = Bars(num_bars=(1, 3), width_mm=(0.2, 0.6), gap_mm=(0.1, 0.5), length_mm=(0.5, 2.0))
    phantoms = of_each_sample(drawn(family))
    counts = np.bincount([len(p.sample) for p in phantoms])[1:]
    assert stats.chisquare(counts).pvalue > 0.01
    gaps = []
    for phantom in phantoms:
        assert np.ptp(np.r_[phantom.start_radius, phantom.end_radius]) == 0
        assert np.ptp(phantom.amplitude) == 0
        assert len(set(phantom.is_flat.tolist())) == 1
        axis = phantom.end - phantom.start
        np.testing.assert_allclose(axis, np.broadcast_to(axis[:1], axis.shape), atol=ROUNDING_M)
        step = np.diff(phantom.start, axis=0)
        np.testing.assert_allclose(step @ axis[0], 0, atol=ROUNDING_M * np.linalg.norm(axis[0]) * 4)
        gaps.extend(1e3 * (np.linalg.norm(step, axis=1) - 2 * phantom.start_radius[1:]))
    assert min(gaps) >= 0.1 - 1e-5 and max(gaps) <= 0.5 + 1e-5
    lengths = [1e3 * np.linalg.norm(p.end[0] - p.start[0]) for p in phantoms]
    assert_spans(lengths, (0.5 - 1e-5, 2.0))
    assert_spans([2e3 * p.start_radius[0] for p in phantoms], (0.2, 0.6))
    assert_spans([p.amplitude[0] for p in phantoms], (0.4, 1.0))


def test_half_of_the_bars_have_flat_ends():
    flat = [bool(p.is_flat[0]) for p in of_each_sample(drawn(Bars()))]
    assert stats.binomtest(sum(flat), NUM, 0.5).pvalue > 0.01


def test_vessels_keep_their_ranges_and_taper_along_connected_segments():
    family = Vessels()
    roots, tips, lengths, branches = [], [], [], []
    for phantom in of_each_sample(drawn(family)):
        num_branches, rest = divmod(len(phantom.sample) - 7, 4)
        assert rest == 0
        branches.append(num_branches)
        lengths.append(1e3 * np.linalg.norm(phantom.end - phantom.start, axis=1))
        np.testing.assert_allclose(phantom.start[1:7], phantom.end[:6], atol=ROUNDING_M)
        assert (phantom.end_radius <= phantom.start_radius).all()
        assert np.ptp(phantom.amplitude) == 0
        roots.append(2e3 * phantom.start_radius[0])
        tips.append(phantom.end_radius[6] / phantom.start_radius[0])
        for branch in range(num_branches):
            start = 7 + 4 * branch
            distance = np.linalg.norm(phantom.end[:6] - phantom.start[start], axis=1)
            node = int(distance.argmin())
            assert distance[node] < ROUNDING_M
            assert phantom.start_radius[start] < phantom.end_radius[node]
    assert stats.chisquare(np.bincount(branches, minlength=3)).pvalue > 0.01
    assert_spans(roots, family.diameter_mm)
    assert_spans(tips, family.taper)
    lengths = np.concatenate(lengths)
    # Differences of rounded positions.
    assert lengths.min() >= 0.3 - 5e-6 and lengths.max() <= 0.6 + 5e-6


def test_no_vessel_of_many_reaches_farther_from_tip_to_tip_than_they_say():
    """One in two thousand would."""
    vessels, num = Vessels(), 20_000
    shape = drawn(vessels, num, field_of_view_m=(20e-3, 20e-3))
    for angle in torch.linspace(0, math.pi, 13)[:-1]:
        direction = torch.stack((angle.cos(), angle.sin()))
        reach = []
        for sign in (-1, 1):
            ends = zip(
                (shape.start, shape.end), (shape.start_radius, shape.end_radius), strict=True
            )
            farthest = torch.stack([sign * points @ direction + r for points, r in ends]).amax(0)
            none = torch.full((num,), -math.inf)
            reach.append(none.scatter_reduce(0, shape.sample, farthest, "amax"))
        assert (reach[0] + reach[1]).max() <= vessels.largest_extent_m + ROUNDING_M


def test_blobs_keep_their_ranges_and_share_the_amplitude():
    family = SmoothBlobs()
    phantoms = of_each_sample(drawn(family))
    counts = np.bincount([len(p.sample) for p in phantoms])[1:]
    assert len(counts) == 5 and stats.chisquare(counts).pvalue > 0.01
    assert_spans(1e3 * np.concatenate([p.sigma for p in phantoms]), family.sigma_mm)
    assert_spans([p.amplitude.sum() for p in phantoms], family.amplitude)
    spreads = [1e3 * np.ptp(p.centre, axis=0).max() for p in phantoms]
    assert max(spreads) <= 2 * family.spread_mm + 1e-5


def areas_mm2(family, num_samples):
    """Returns the area in mm² of every phantom, times its concentration."""
    images = render([drawn(family, num_samples)], num_samples, (192, 270), FIELD_OF_VIEW_M)
    return 1e6 * images.double().mean(dim=(1, 2, 3)).numpy() * math.prod(FIELD_OF_VIEW_M)


@pytest.mark.parametrize(("diameter_mm", "width_mm"), [(0.8, 0.4), (2.0, 0.3)])
def test_a_ring_has_its_area(diameter_mm, width_mm):
    family = Rings(
        diameter_mm=(diameter_mm, diameter_mm), width_mm=(width_mm, width_mm), amplitude=(1, 1)
    )
    outer, inner = (diameter_mm + width_mm) / 2, (diameter_mm - width_mm) / 2
    expected = math.pi * (outer**2 - inner**2)
    np.testing.assert_allclose(areas_mm2(family, 6), expected, rtol=0.01)


def test_rings_keep_their_ranges_and_are_closed():
    family = Rings()
    diameters, widths = [], []
    for phantom in of_each_sample(drawn(family)):
        centre = phantom.start.mean(axis=0)
        radii = np.linalg.norm(phantom.start - centre, axis=1)
        np.testing.assert_allclose(radii, radii[0], atol=ROUNDING_M)
        np.testing.assert_allclose(np.roll(phantom.start, -1, 0), phantom.end, atol=ROUNDING_M)
        assert np.ptp(phantom.amplitude) == 0
        diameters.append(2e3 * radii[0])
        widths.append(2e3 * phantom.start_radius[0])
    assert_spans(diameters, family.diameter_mm)
    assert_spans(widths, family.width_mm)


def test_tubes_have_their_area_and_gaps():
    family = ResolutionTubes(width_mm=(0.3, 0.3), length_mm=(1.5, 1.5), amplitude=(1, 1))
    expected = 5 * (1.5 * 0.3 + math.pi * 0.15**2)
    np.testing.assert_allclose(areas_mm2(family, 6), expected, rtol=0.01)
    for phantom in of_each_sample(drawn(family, 50), 50):
        axis = phantom.end - phantom.start
        np.testing.assert_allclose(np.linalg.norm(axis, axis=1), 1.5e-3, atol=4 * ROUNDING_M)
        step = np.diff(phantom.start, axis=0)
        np.testing.assert_allclose(step @ axis[0] / 1.5e-3, 0, atol=4 * ROUNDING_M)
        gaps_mm = 1e3 * np.linalg.norm(step, axis=1) - 0.3
        np.testing.assert_allclose(gaps_mm, family.gaps_mm, atol=1e-5)


def test_tubes_lie_in_every_direction():
    axis = drawn(ResolutionTubes(), 2000)
    axis = (axis.end - axis.start)[::5].double().numpy()
    turns = np.arctan2(axis[:, 1], axis[:, 0]) / (2 * math.pi) % 1
    assert stats.kstest(turns, "uniform").pvalue > 0.01


def test_letters_keep_their_ranges_and_all_occur():
    family = Letters()
    heights, widths, lines = [], [], []
    for phantom in of_each_sample(drawn(family)):
        points = np.concatenate((phantom.start, phantom.end))
        extent_mm = 1e3 * np.ptp(points, axis=0)
        heights.append(extent_mm[1])
        assert extent_mm[0] == pytest.approx(0.7 * extent_mm[1], rel=1e-4)
        widths.append(2e3 * phantom.start_radius[0])
        # In units of the letter, so that equal letters look equal.
        units = (phantom.end - phantom.start) / np.ptp(points, axis=0)[1]
        lines.append(tuple(np.abs(units).round(2).flatten()))
        assert np.ptp(phantom.amplitude) == 0
    assert_spans(heights, family.height_mm)
    assert_spans(widths, family.width_mm)
    _, counts = np.unique([hash(line) for line in lines], return_counts=True)
    assert len(counts) == 8
    assert stats.chisquare(counts).pvalue > 0.01


def test_a_letter_has_the_area_of_its_lines():
    """A T, upright: a bar over a stem, which share half a disc and a piece of the bar."""
    family = Letters(height_mm=(2, 2), width_mm=(0.2, 0.2), amplitude=(1, 1))
    uniforms = streams(4).uniform("phantom", (family.num_uniforms,))
    uniforms[:, 0] = 6.5 / 8
    shape = present(family.shapes(uniforms, FIELD_OF_VIEW_M))
    assert torch.bincount(shape.sample).tolist() == [2, 2, 2, 2]
    images = render([shape], 4, (192, 270), FIELD_OF_VIEW_M).double()
    bar, stem = (length * 0.2 + math.pi * 0.1**2 for length in (1.4, 2.0))
    shared = 0.1 * 0.2 + 0.5 * math.pi * 0.1**2
    area_mm2 = 1e6 * images.mean(dim=(1, 2, 3)).numpy() * math.prod(FIELD_OF_VIEW_M)
    np.testing.assert_allclose(area_mm2, bar + stem - shared, rtol=0.01)
    # The bar, with much of the tracer, is on the side of large y.
    rows, of_row = torch.arange(192).double(), images[:, 0].sum(dim=2)
    is_touched = (of_row > 0).double()
    assert (of_row @ rows / of_row.sum(dim=1) > is_touched @ rows / is_touched.sum(dim=1)).all()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Rings, {"diameter_mm": (2.0, 1.0)}),
        (Rings, {"width_mm": (0.0, 0.2)}),
        (Rings, {"amplitude": (-0.1, 0.2)}),
        (Letters, {"height_mm": (0.0, 2.0)}),
        (Letters, {"width_mm": (0.3, math.inf)}),
        (Letters, {"amplitude": (0.5, 0.2)}),
        (ResolutionTubes, {"width_mm": (0.5, 0.2)}),
        (ResolutionTubes, {"length_mm": (-1.0, 2.0)}),
        (ResolutionTubes, {"amplitude": (math.nan, 1.0)}),
        (ResolutionTubes, {"gaps_mm": (0.1, 0.2, -0.3, 0.4)}),
        (ResolutionTubes, {"gaps_mm": (0.1, 0.2, math.nan, 0.4)}),
        (Points, {"num_points": (0, 2)}),
        (Points, {"gap_mm": (0.5, 0.1)}),
        (Bars, {"width_mm": (0.0, 0.2)}),
        (Vessels, {"taper": (0.3, 1.5)}),
        (SmoothBlobs, {"sigma_mm": (-0.1, 0.5)}),
        (SmoothBlobs, {"amplitude": (-1.0, 0.5)}),
        (SmoothBlobs, {"spread_mm": 0.0}),
    ],
)
def test_impossible_ranges_are_refused(kind, values):
    (name,) = values
    with pytest.raises(InputError, match=rf"^{kind.__name__}\.{name} is "):
        kind(**values)


def families_of(mixture, num_samples, first=0):
    """Returns the number of the family of every sample; each must have exactly one."""
    shapes = mixture.draw(streams(num_samples, first), FIELD_OF_VIEW_M).shapes
    pairs = {(i, n) for n, shape in enumerate(shapes) for i in present(shape).sample.tolist()}
    assert [i for i, _ in sorted(pairs)] == list(range(num_samples))
    return np.array([n for _, n in sorted(pairs)])


def test_families_occur_as_often_as_their_weights_say():
    mixture = PhantomMixture(weights={"pairs": 3.0, "bars": 0.5, "vessels": 1.5})
    counts = np.bincount(families_of(mixture, 4000), minlength=5)
    expected = np.array([3.0, 1.0, 0.5, 1.5, 1.0]) / 7 * 4000
    assert stats.chisquare(counts, expected).pvalue > 0.01


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_of_weight_zero_never_occurs(name):
    number = list(FAMILIES).index(name)
    mixture = PhantomMixture(weights={name: 0.0})
    assert set(families_of(mixture, 2000)) == set(range(5)) - {number}


def test_a_single_weight_leaves_a_single_family():
    weights = {name: 0.0 for name in FAMILIES} | {"bars": 2.0}
    assert set(families_of(PhantomMixture(weights=weights), 500)) == {2}


def test_more_families_are_there_where_a_weight_names_them():
    weights = {"single_objects": 3.0, "close_pairs": 0.5}
    assert list(default_families(weights)) == [*FAMILIES, "close_pairs", "single_objects"]
    mixture = PhantomMixture(weights=weights)
    counts = np.bincount(families_of(mixture, 4000), minlength=7)
    expected = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 3.0]) / 8.5 * 4000
    assert stats.chisquare(counts, expected).pvalue > 0.01
    assert mixture.families["single_objects"] == SingleObjects()


def test_a_phantom_of_a_mixture_does_not_depend_on_its_batch():
    mixture = PhantomMixture()
    together = mixture.draw(streams(40), FIELD_OF_VIEW_M).shapes
    alone = mixture.draw(streams(1, first=27), FIELD_OF_VIEW_M).shapes
    for shape, expected in zip(together, alone, strict=True):
        chosen = shape.sample == 27
        assert int(chosen.sum()) == len(expected.sample)
        for column, value in zip(shape[1:], expected[1:], strict=True):
            torch.testing.assert_close(column[chosen], value, rtol=1e-6, atol=1e-9)


def test_an_empty_batch_has_no_phantoms():
    shapes = PhantomMixture().draw(streams(0), FIELD_OF_VIEW_M).shapes
    assert all(len(shape.sample) == 0 for shape in shapes)


def test_families_of_ones_own_replace_the_default_ones():
    mixture = PhantomMixture({"dots": Points(num_points=(1, 1))}, {"dots": 5.0})
    (shape,) = mixture.draw(streams(30), FIELD_OF_VIEW_M).shapes
    assert sorted(shape.sample.tolist()) == list(range(30))


def test_a_weight_without_a_family_is_refused():
    with pytest.raises(InputError, match=r"^phantom weights name pears, .*: use pairs, .*psules$"):
        PhantomMixture(weights={"pears": 1.0})
    with pytest.raises(InputError, match=r"^phantom weights name bars, .* use dots$"):
        PhantomMixture({"dots": Points()}, weights={"bars": 1.0})


@pytest.mark.parametrize(
    "weights",
    [{"bars": -1.0}, {name: 0.0 for name in FAMILIES}, {"bars": math.nan}, {"bars": math.inf}],
    ids=["negative", "all zero", "not a number", "infinite"],
)
def test_weights_that_are_no_shares_are_refused(weights):
    with pytest.raises(
        InputError, match=r"^phantom weights are \[.*\]: each must be finite and not negative"
    ):
        PhantomMixture(weights=weights)


def test_phantoms_larger_than_the_field_of_view_are_refused():
    mixture = PhantomMixture({"bars": Bars(num_bars=(1, 1), width_mm=(1.0, 3.0), length_mm=(0, 1))})
    mixture.check_fits((6.4e-3, 6.4e-3))
    with pytest.raises(InputError, match=r"^phantoms of bars may be 5\.00 mm large, .* 4\.90 mm"):
        mixture.check_fits((6.4e-3, 4.9e-3))


@pytest.mark.parametrize("name", HELD_OUT)
def test_held_out_families_have_to_fit_too(name):
    family = HELD_OUT[name]
    mixture = PhantomMixture({name: family})
    mixture.check_fits((family.largest_extent_m + 1e-9, 9e-3))
    with pytest.raises(InputError, match=rf"^phantoms of {name} may be \d\.\d\d mm large"):
        mixture.check_fits((family.largest_extent_m - 1e-5, 9e-3))


def test_held_out_families_are_not_trained_on():
    assert not {type(family) for family in FAMILIES.values()} & {
        type(family) for family in HELD_OUT.values()
    }


def test_single_objects_are_in_one_piece_and_keep_their_ranges():
    family = SingleObjects(width_mm=(0.2, 0.5), length_mm=(0.1, 1.6), amplitude=(0.1, 1.0))
    phantoms = of_each_sample(drawn(family))
    widths, lengths, waists, bends = [], [], [], []
    for phantom in phantoms:
        np.testing.assert_array_equal(phantom.start[1:], phantom.end[:-1])
        np.testing.assert_array_equal(phantom.start_radius[1:], phantom.end_radius[:-1])
        assert np.ptp(phantom.amplitude) == 0
        radii = np.r_[phantom.start_radius, phantom.end_radius[-1:]]
        widths.append(2e3 * radii.max())
        steps = phantom.end - phantom.start
        length_m = np.linalg.norm(steps, axis=1).sum()
        lengths.append(1e3 * (length_m + 2 * radii.max()) if length_m > 1e-9 else 0.0)
        waists.append(2 * radii[3] / (radii[0] + radii[-1]))
        if length_m > 1e-6:
            headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
            # Between the middles of the first and the last of six pieces.
            bends.append(abs(np.degrees(headings[-1] - headings[0])) * 6 / 5)
    assert_spans(widths, (0.2, 0.5))
    assert max(lengths) <= 1.6 + 1e-4
    assert_spans(waists, (0.5, 2.0))
    assert max(bends) <= 120 * 1.01 and max(bends) > 110
    assert stats.binomtest(sum(bend < 1e-2 for bend in bends), len(bends), 0.5).pvalue > 0.01
    assert stats.kstest(np.log(waists) / np.log(4) + 0.5, "uniform").pvalue > 0.01


def test_a_single_object_without_bend_waist_and_taper_is_a_capsule():
    shape = SingleObjects(
        bend_deg=(0, 0), waist=(1, 1), taper=(0, 0), length_mm=(1, 1), width_mm=(0.4, 0.4)
    ).shapes(torch.rand(5, 10), FIELD_OF_VIEW_M)
    capsules = Strokes(
        sample=torch.arange(5), start=shape.start[::6], end=shape.end[5::6],
        start_radius=torch.full((5,), 2e-4), end_radius=torch.full((5,), 2e-4),
        amplitude=shape.amplitude[::6], is_flat=torch.zeros(5, dtype=torch.bool),
    )  # fmt: skip
    found, expected = (render([s], 5, (64, 90), FIELD_OF_VIEW_M) for s in (shape, capsules))
    # Where two pieces meet in a pixel, the larger mean counts.
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
