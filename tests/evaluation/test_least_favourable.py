from dataclasses import replace

import pytest
import torch
from launches import Launches

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.detectability import least_favourable
from mpi_cascade.evaluation.least_favourable import (
    LeastFavourableCapsules,
    central_pairs,
    fine_model,
    has_one_capsule,
    least_favourable_capsules,
)
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints, pair_shapes
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams

SCANNER = Scanner(num_ffp_x=16, num_ffp_y=16)
FINE = Scanner()
SIZE_M = SCANNER.field_of_view_m
PAIRS = TwoPoints(gaps_mm=(0.3, 0.15), cases_per_gap=3, concentration=(0.2, 0.8))
RANGE = replace(PAIRS, diameter_mm=(0.3, 0.6), gaps_mm=(0.3,), cases_per_gap=6)


def streams(num):
    return RandomStreams(seed=0, stream=3, indices=torch.arange(num))


def signals(shapes, num, scanner=SCANNER):
    model = fine_model(scanner)
    return model(render(shapes, num, model.image_shape, SIZE_M)).double().flatten(1)


def distances(scene, num):
    """‖S(pair − capsule)‖/max|S pair| of samples, both as they are scanned, and their pairs.

    On positions fine enough that it doesn't matter where between them a pair lies.
    """
    drawing = scene.draw(streams(num), SIZE_M)
    pairs = signals(drawing.shapes, num, FINE)
    capsules = LeastFavourableCapsules(outlines=scene, scanner=FINE)
    single = signals(capsules.draw(streams(num), SIZE_M).shapes, num, FINE)
    is_inside = drawing.pairs.centre_m.abs().amax(dim=1) < 2e-3
    return ((pairs - single).norm(dim=1) / pairs.abs().amax(dim=1)), is_inside


def test_what_is_scanned_is_as_like_the_pair_as_the_limit_says():
    fits = least_favourable_capsules(FINE, PAIRS)
    found, is_inside = distances(PAIRS, 6)
    expected = fits.d_prime.double().repeat_interleave(3)
    assert is_inside.sum() >= 3
    torch.testing.assert_close(found[is_inside], expected[is_inside], rtol=0.1, atol=0)


def test_between_diameters_capsules_are_nearly_as_like_their_pairs_as_the_best():
    drawn = RANGE.draw(streams(6), SIZE_M).pairs
    best = least_favourable(
        fine_model(FINE), drawn._replace(centre_m=torch.zeros_like(drawn.centre_m))
    )
    found, is_inside = distances(RANGE, 6)
    ratio = (found / best.d_prime)[is_inside]
    assert len(ratio) >= 3 and (ratio > 0.9).all() and (ratio < 1.2).all()


def test_capsules_lie_where_their_pairs_do_and_are_single():
    scene = LeastFavourableCapsules(outlines=PAIRS, scanner=SCANNER)
    drawing = scene.draw(streams(6), SIZE_M)
    pairs = PAIRS.pairs(streams(6), SIZE_M)
    for column, expected in zip(drawing.pairs, pairs, strict=True):
        assert torch.equal(column, expected)
    (shape,) = drawing.shapes
    assert shape.sample.tolist() == list(range(6))
    middle = 0.5 * (shape.start + shape.end)
    torch.testing.assert_close(middle, pairs.centre_m, rtol=0, atol=1e-9)
    relative = shape.amplitude / PAIRS.concentrations(streams(6))[:, 0]
    torch.testing.assert_close(relative[:3], relative[:1].expand(3))


def test_a_capsule_does_not_depend_on_its_batch():
    scene = LeastFavourableCapsules(outlines=PAIRS, scanner=SCANNER)
    together = scene.draw(streams(6), SIZE_M)
    alone = scene.draw(RandomStreams(0, 3, torch.tensor([4])), SIZE_M)
    for column, expected in zip(together.shapes[0][1:], alone.shapes[0][1:], strict=True):
        assert torch.equal(column[4:5], expected)


def test_nothing_is_copied_to_a_device_in_a_batch():
    scene = LeastFavourableCapsules(outlines=PAIRS, scanner=SCANNER)
    on_device = RandomStreams(0, 3, torch.arange(6, device="meta"))
    scene.draw(on_device, SIZE_M)
    with Launches() as counted:  # Refuses copies.
        scene.draw(on_device, SIZE_M)
    assert counted.num > 0


@pytest.mark.slow
def test_a_scanner_that_is_less_known_has_capsules_that_are_more_alike():
    scene = replace(PAIRS, gaps_mm=(0.3,))
    known, unknown = (least_favourable_capsules(SCANNER, scene, off) for off in (0.0, 5.0))
    assert unknown.d_prime < known.d_prime
    # By trying a scanner: the pair of one, the best capsule of the other.
    other = replace(SCANNER, gradient_x_t_per_m=5.25, gradient_y_t_per_m=2.625)
    tried = least_favourable(fine_model(SCANNER), central_pairs(scene), fine_model(other))
    assert unknown.d_prime <= tried.d_prime * 1.001


def test_central_pairs_have_every_gap_and_diameter():
    pairs = central_pairs(replace(RANGE, gaps_mm=(0.1, 0.2), angles_deg=(90.0, 90.0)))
    torch.testing.assert_close(1e3 * pairs.diameter_m, torch.linspace(0.3, 0.6, 4).repeat(2))
    torch.testing.assert_close(1e3 * pairs.gap_m, torch.tensor([0.1, 0.2]).repeat_interleave(4))
    torch.testing.assert_close(pairs.direction, torch.tensor([[0.0, 1.0]]).expand(8, 2))
    assert (pairs.centre_m == 0).all()
    assert len(signals(pair_shapes(pairs), 8)) == 8


def test_only_equal_pairs_of_one_direction_have_one_capsule():
    assert has_one_capsule(PAIRS) and has_one_capsule(RANGE)
    others = (
        replace(PAIRS, second_concentration=0.5), replace(PAIRS, angles_deg=(0.0, 180.0)),
        replace(PAIRS, second_concentration=(0.9, 1.0)), SingleDiscs(), Capsules(outlines=PAIRS),
    )  # fmt: skip
    assert not any(map(has_one_capsule, others))


def test_pairs_wider_than_the_field_of_view_are_refused():
    scene = LeastFavourableCapsules(outlines=PAIRS, scanner=SCANNER)
    with pytest.raises(InputError, match=r"are 1\.10 mm wide, the field of view has 1\.00 mm"):
        scene.check_fits((1e-3, 1e-3))
