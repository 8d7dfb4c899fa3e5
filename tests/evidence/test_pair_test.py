"""Whether a pair is real, on scans whose objects are known."""

from dataclasses import replace

import pytest
import torch
from pairs import make_pairs

from mpi_cascade.evaluation.detectability import amplitude_ratio, detectability
from mpi_cascade.evidence.evidence import Evidence
from mpi_cascade.evidence.pair_test import pair_verdict
from mpi_cascade.evidence.window import Window
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.phantoms.scenes import capsule_shapes, pair_shapes
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

SIZE_M = 3.2e-3
SCANNER = Scanner(field_of_view_x_m=SIZE_M, field_of_view_y_m=SIZE_M, num_ffp_x=32, num_ffp_y=32)
MODEL = ForwardModel(SCANNER, (32, 32))
FINE = ForwardModel(SCANNER, (128, 128))
SNR_DB = 30.0


def geometry(gap_m):
    return make_pairs(1e3 * gap_m, centre_mm=(0.03, 0.02))


def places(gap_m):
    half_m = 0.5 * (gap_m + 4e-4)
    return torch.tensor([[3e-5 - half_m, 2e-5], [3e-5 + half_m, 2e-5]])


def scan(shapes):
    """Returns signal without noise, image and σ."""
    fine = render(shapes, 1, FINE.image_shape, (SIZE_M, SIZE_M))
    image = torch.nn.functional.avg_pool2d(fine, 4)
    signal = FINE(fine)
    return signal, image, float(signal.abs().max()) / amplitude_ratio(SNR_DB)


def window(signal, image, noise):
    return Window(MODEL, signal[0], image[0, 0], image[0, 0] > 0, noise)


@pytest.mark.parametrize("gap_m", [1.5e-4, 2e-4])
def test_without_noise_the_ratio_is_half_the_square_of_detectability(gap_m):
    """That of the best capsule, which ``detectability`` finds by another search and renderer.

    Pixels of a quarter of a disc draw thin capsules roughly: a tenth of the ratio.
    """
    signal, image, noise = scan(pair_shapes(geometry(gap_m)))
    verdict = pair_verdict(window(signal, image, noise), places(gap_m))
    expected = float(detectability(FINE, geometry(gap_m), SNR_DB)) ** 2 / 2
    assert 0.98 * expected < verdict.log_ratio < 1.15 * expected
    assert verdict.form_log_ratio < verdict.log_ratio
    assert verdict.misfit < 0.3


def test_a_pair_is_supported_and_a_capsule_is_not():
    random = torch.Generator().manual_seed(0)
    found = []
    for shapes in (pair_shapes(geometry(2e-4)), capsule_shapes(geometry(2e-4))):
        signal, image, noise = scan(shapes)
        noisy = signal + noise * torch.randn(signal.shape, generator=random)
        found.append(pair_verdict(window(noisy, image, noise), places(2e-4)))
    pair, capsule = found
    assert pair.is_supported and pair.log_ratio > 20
    assert not capsule.is_supported and abs(capsule.log_ratio) < 6
    assert all(0.6 < verdict.misfit < 1.4 for verdict in found)
    assert [verdict.answer for verdict in found] == ["yes", "no"]


def test_the_rest_of_an_image_is_kept_from_the_scan():
    """A far disc changes neither the signal of the window nor what is said of the pair."""
    signal, image, noise = scan(pair_shapes(geometry(2e-4)))
    far = torch.zeros_like(image)
    far[..., 2:6, 20:26] = 1
    alone = window(signal, image, noise)
    beside = Window(MODEL, (signal + MODEL(far))[0], (image + far)[0, 0], image[0, 0] > 0, noise)
    made = [one.signal @ one.to_signal.T for one in (alone, beside)]
    torch.testing.assert_close(*made, rtol=1e-3, atol=1e-3 * float(made[0].abs().max()))


def test_a_scan_that_nothing_explains_is_named():
    signal, image, noise = scan(pair_shapes(geometry(2e-4)))
    strange = signal.roll(4, dims=3) - signal
    verdict = pair_verdict(window(strange, image, noise), places(2e-4))
    assert verdict.misfit > 3
    assert verdict.answer == "unclear" and not verdict.is_supported


def test_a_scanner_off_its_centre_of_pixels_changes_nothing():
    """The same scan, in twice the field of view, says the same of its pair."""
    wide = replace(
        SCANNER, field_of_view_x_m=2 * SIZE_M, field_of_view_y_m=2 * SIZE_M, num_ffp_x=64,
        num_ffp_y=64,
    )  # fmt: skip
    model = ForwardModel(wide, (64, 64), unit_scanner=SCANNER)
    _, image, noise = scan(pair_shapes(geometry(2e-4)))
    padded = torch.nn.functional.pad(image, (16, 16, 16, 16))
    small, large = MODEL(image), model(padded)
    generator = torch.Generator().manual_seed(0)
    small = small + noise * torch.randn(small.shape, generator=generator)
    found = [
        Evidence(which).pairs(signal, one, tuple(map(tuple, places(2e-4).tolist())))[0][0]
        for which, signal, one in (
            (MODEL, small, image),
            (model, large + noise * torch.randn(large.shape, generator=generator), padded),
        )
    ]
    ratios = [pair.verdict.log_ratio for pair in found]
    assert ratios[0] == pytest.approx(ratios[1], rel=0.5)
    assert all(pair.verdict.is_supported for pair in found)
