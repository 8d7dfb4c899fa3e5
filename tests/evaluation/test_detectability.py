import pytest
import torch
from pairs import make_pairs

from mpi_cascade.evaluation.detectability import (
    detectability,
    least_favourable,
    outline_detectability,
    scaled_outlines,
)
from mpi_cascade.phantoms.rendering import Strokes, render
from mpi_cascade.phantoms.scenes import capsule_shapes, pair_shapes
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

REFERENCE = Scanner()
LOW_GRADIENT = Scanner(gradient_x_t_per_m=2.5)
GAPS_MM = [0.05, 0.10, 0.20, 0.50]


@pytest.fixture(scope="module")
def models():
    return {scanner: ForwardModel(scanner, (256, 256)) for scanner in (REFERENCE, LOW_GRADIENT)}


@pytest.mark.parametrize(
    ("scanner", "free", "of_outline"),
    [
        (REFERENCE, [1.69, 3.33, 10.9, 132], [17.7, 29.2, 65.8, 325]),
        (LOW_GRADIENT, [0.110, 0.206, 0.550, 4.20], [4.55, 7.11, 13.8, 50.6]),
    ],
)
def test_the_limits_at_30_db(models, scanner, free, of_outline):
    """Values of this project, found by other searches too: on a grid and from other starts."""
    pairs = make_pairs(*GAPS_MM)
    values = detectability(models[scanner], pairs, 30.0)
    torch.testing.assert_close(values, torch.tensor(free), rtol=2e-2, atol=0)
    values = outline_detectability(models[scanner], pairs, 30.0)
    torch.testing.assert_close(values, torch.tensor(of_outline), rtol=1e-2, atol=0)


def test_no_capsule_of_a_grid_fits_better(models):
    model, gap_mm = models[REFERENCE], 0.2
    pairs = make_pairs(gap_mm)
    lengths = 1e-3 * torch.linspace(0.8, 1.5, 36)
    widths = 1e-3 * torch.linspace(0.03, 0.5, 12)
    length, width = (grid.flatten() for grid in torch.meshgrid(lengths, widths, indexing="ij"))
    half_axis = torch.stack((0.5 * (length - width), torch.zeros_like(length)), dim=1)
    capsules = Strokes(
        sample=torch.arange(len(length)), start=-half_axis, end=half_axis,
        start_radius=0.5 * width, end_radius=0.5 * width,
        amplitude=torch.ones_like(width), is_flat=torch.zeros_like(width, dtype=torch.bool),
    )  # fmt: skip
    candidates = model(render([capsules], len(length), (256, 256), (6.4e-3, 6.4e-3)))
    signal = model(render(pair_shapes(pairs), 1, (256, 256), (6.4e-3, 6.4e-3))).flatten().double()
    sigma = signal.abs().max() * 10 ** (-30 / 20)
    smallest = min(
        (torch.linalg.lstsq(c[:, None], signal[:, None]).solution * c[:, None] - signal[:, None])
        .norm()
        .item()
        for c in candidates.flatten(1).double()
    )
    found = detectability(model, pairs, 30.0).item()
    assert found <= smallest / sigma.item() * 1.001
    assert found == pytest.approx(smallest / sigma.item(), rel=5e-2)


@pytest.mark.parametrize("limit", [detectability, outline_detectability])
def test_ten_times_less_noise_is_ten_times_more_detectable(models, limit):
    pairs = make_pairs(0.1, 0.3)
    noisy, clean = (limit(models[REFERENCE], pairs, snr) for snr in (30.0, 50.0))
    torch.testing.assert_close(clean, 10 * noisy, rtol=1e-5, atol=0)


@pytest.mark.parametrize("angle", [0.0, 1.0])
def test_a_free_capsule_fits_better_than_the_outline_and_wider_gaps_are_surer(models, angle):
    pairs = make_pairs(*GAPS_MM, centre_mm=(0.31, -0.77), angle=angle)
    free = detectability(models[REFERENCE], pairs, 30.0)
    of_outline = outline_detectability(models[REFERENCE], pairs, 30.0)
    assert (free < of_outline).all()
    assert (free.diff() > 0).all()
    assert (of_outline.diff() > 0).all()


def test_the_capsule_found_is_the_one_that_is_as_far_from_the_pair(models):
    pairs = make_pairs(0.1, 0.5, angle=0.3)
    model = models[REFERENCE]
    found = least_favourable(model, pairs)
    shapes = capsule_shapes(scaled_outlines(pairs, found.length, found.width), found.concentration)
    capsules, signals = (
        model(render(each, 2, (256, 256), (6.4e-3, 6.4e-3))).flatten(1).double()
        for each in (shapes, pair_shapes(pairs))
    )
    distance = (signals - capsules).norm(dim=1) / signals.abs().amax(dim=1)
    torch.testing.assert_close(distance, found.d_prime.double(), rtol=1e-3, atol=1e-6)
    assert (found.width < 1).all() and (found.concentration > 0).all()


def test_a_null_on_another_scanner_may_be_more_alike(models):
    """The pair as one scanner shows it, the capsules as another does."""
    pairs = make_pairs(0.3)
    one, other = (models[scanner] for scanner in (REFERENCE, LOW_GRADIENT))
    same = least_favourable(one, pairs, one).d_prime
    assert torch.equal(same, least_favourable(one, pairs).d_prime)
    assert least_favourable(one, pairs, other).d_prime != same


def test_pairs_of_a_batch_are_judged_alone(models):
    pairs = make_pairs(0.1, 0.3)
    alone = detectability(models[REFERENCE], make_pairs(0.3), 30.0)
    assert torch.equal(detectability(models[REFERENCE], pairs, 30.0)[1:], alone)
