"""Objects of few numbers, against closed forms and the renderer of phantoms."""

import math

import pytest
import torch

from mpi_cascade.evidence.objects import Capsule, Pixels, SingleObject, TwoDiscs
from mpi_cascade.phantoms.rendering import Strokes, render
from mpi_cascade.physics.scanner import cell_centres

NUM, SIZE_M = 32, 3.2e-3
PLACES = cell_centres(NUM, SIZE_M).float()
PIXELS = Pixels(PLACES, PLACES, (SIZE_M / NUM, SIZE_M / NUM))
CAPSULE = torch.tensor([[-5e-4, -2e-4, 5e-4, 3e-4, 4e-4, 0.7]])


def mass(image):
    return float(image.sum()) * (SIZE_M / NUM) ** 2


def test_discs_have_their_area():
    numbers = torch.tensor([[-6e-4, 1e-5, 4e-4, 1.0, 5.3e-4, 2e-4, 6e-4, 0.5]])
    expected = math.pi / 4 * (4e-4**2 + 0.5 * 6e-4**2)
    assert mass(TwoDiscs(PIXELS).draw(numbers)) == pytest.approx(expected, rel=0.01)


def test_a_capsule_is_that_of_the_phantoms():
    start, end, (width, amount) = CAPSULE[0].split((2, 2, 2))
    expected = amount * (width * (end - start).norm() + math.pi / 4 * width**2)
    image = Capsule(PIXELS).draw(CAPSULE)
    assert mass(image) == pytest.approx(float(expected), rel=0.01)
    stroke = Strokes(
        torch.zeros(1, dtype=torch.int64), start[None], end[None], width[None] / 2,
        width[None] / 2, amount[None], torch.zeros(1, dtype=torch.bool),
    )  # fmt: skip
    rendered = render([stroke], 1, (NUM, NUM), (SIZE_M, SIZE_M))
    torch.testing.assert_close(image, rendered.flatten(1), atol=0.02, rtol=0)


@pytest.mark.parametrize(("belly", "share"), [(0.6, 1 + 2 / 3 * -0.4), (1.5, 1 + 2 / 3 * 0.5)])
def test_a_belly_widens_the_middle(belly, share):
    """The mean of a parabola from 1 at the ends to b in the middle is 1 + ⅔ (b − 1)."""
    length, width = 2e-3, 3e-4
    numbers = torch.tensor([[-length / 2, 0, length / 2, 0, width, 1.0, 0.0, belly, 0.0]])
    expected = width * length * share + math.pi / 4 * width**2
    assert mass(SingleObject(PIXELS).draw(numbers)) == pytest.approx(expected, rel=0.02)


def test_a_bow_bends_the_middle_away_from_the_ends():
    straight = torch.tensor([[-8e-4, 0, 8e-4, 0, 3e-4, 1.0, 0.0, 1.0, 0.0]])
    bent = straight + torch.tensor([0, 0, 0, 0, 0, 0, 0.4, 0, 0])
    image = SingleObject(PIXELS).draw(bent).reshape(NUM, NUM)
    middle, end = (float((image[:, i] * PLACES).sum() / image[:, i].sum()) for i in (16, 8))
    assert middle - end == pytest.approx(0.4 * 1.6e-3 * (15 / 16) ** 2, rel=0.1)


def test_two_discs_never_become_one():
    met = torch.tensor([[-1e-4, 0, 4e-4, 1.0, 1e-4, 0, 2e-4, -0.5]])
    _, _, first, _, _, _, second, amount = TwoDiscs(PIXELS).allowed(met)[0].tolist()
    assert (first + second) / 2 == pytest.approx(2e-4)
    assert first == pytest.approx(2 * second) and amount == 0


def test_a_single_object_has_a_neck_no_narrower_than_a_dumb_bells():
    wild = torch.tensor([[0, 0, 1e-3, 0, 1e-6, -1.0, 9.0, 0.1, -9.0]])
    *_, width, amount, bow, belly, taper = SingleObject(PIXELS).allowed(wild)[0].tolist()
    assert (width, amount) == (pytest.approx(1e-4), 0)
    assert (bow, belly, taper) == pytest.approx((0.6, 0.6, -0.5))
