import pytest
import torch
from torch.nn.functional import avg_pool2d

from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.noise import NoiseEstimate
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams

SCANNERS = {
    "one channel": (Scanner(num_ffp_x=32, num_ffp_y=32), (32, 32)),
    "four channels, other grids": (
        Scanner(
            num_ffp_x=32, num_ffp_y=16, harmonics=(2, 3), particle=Particle(relaxation_time_s=2e-6)
        ),
        (16, 24),
    ),
}


@pytest.mark.parametrize("peak_snr_db", [10, 30, 50, 70])
@pytest.mark.parametrize(("scanner", "image_shape"), SCANNERS.values(), ids=SCANNERS)
def test_the_noise_of_a_scan_is_found(scanner, image_shape, peak_snr_db):
    torch.manual_seed(0)
    forward_model = ForwardModel(scanner, image_shape)
    images = torch.zeros(32, 1, *image_shape)
    images[:, :, 4:12, 5:9] = torch.rand(32, 1, 1, 1) + 0.5
    images[:, :, :3, -2:] = 1  # At the edge, where a transform has most to say of.
    signal = forward_model(images)
    sigma = signal.abs().amax((1, 2, 3)) * 10 ** (-peak_snr_db / 20)
    noisy = signal + sigma[:, None, None, None] * torch.randn_like(signal)
    estimate = NoiseEstimate(forward_model)(noisy)
    relative = estimate / sigma - 1
    # The standard error of the median magnitude of n normal numbers is 1.17 σ/√n.
    expected = 1.17 / (signal[0].numel() / 4) ** 0.5
    assert relative.square().mean().sqrt() < 1.4 * expected
    assert relative.mean().abs() < 4 * expected / 32**0.5


def test_channels_of_unequal_noise_count_by_their_power():
    scanner = Scanner(num_ffp_x=32, num_ffp_y=32, harmonics=(3, 5))
    torch.manual_seed(0)
    noise = torch.tensor([1.0, 3.0])[:, None, None] * torch.randn(32, *scanner.signal_shape)
    estimate = NoiseEstimate(ForwardModel(scanner, (32, 32)))(noise)
    assert estimate.mean() == pytest.approx(5**0.5, rel=0.03)


def test_scales_with_the_signal_and_is_zero_without_one():
    scanner = Scanner(num_ffp_x=16, num_ffp_y=16)
    estimate = NoiseEstimate(ForwardModel(scanner, (16, 16)))
    noise = torch.randn(2, *scanner.signal_shape)
    torch.testing.assert_close(estimate(1e-3 * noise), 1e-3 * estimate(noise))
    assert not estimate(torch.zeros_like(noise)).any()


def test_is_in_full_precision_whatever_networks_around_it_use():
    model = ForwardModel(Scanner(num_ffp_x=16, num_ffp_y=16), (16, 16))
    estimate = NoiseEstimate(model)
    signal = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(2))
    expected = estimate(signal)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(estimate(signal), expected)


@pytest.mark.parametrize(("peak_snr_db", "expected_db"), [(40, 40), (80, 55)])
def test_networks_are_told_no_less_noise_than_pixels_leave_out_of_a_scan(peak_snr_db, expected_db):
    scanner, size = Scanner(), Scanner().field_of_view_m
    drawing = PhantomMixture().draw(RandomStreams(0, 9402, torch.arange(16)), size)
    fine = render(drawing.shapes, 16, (128, 128), size)
    signal, model = ForwardModel(scanner, (128, 128))(fine), ForwardModel(scanner, (64, 64))
    peak = signal.abs().amax(dim=(1, 2, 3))
    left_out = (signal - model(avg_pool2d(fine, 2))).square().mean(dim=(1, 2, 3)).sqrt() / peak
    assert 10 ** (-75 / 20) < left_out.mean() < 10 ** (-55 / 20)
    torch.manual_seed(0)
    noise = 10 ** (-peak_snr_db / 20) * peak[:, None, None, None] * torch.randn_like(signal)
    told = NoiseEstimate(model).above_model_error(signal + noise)
    torch.testing.assert_close(told, 10 ** (-expected_db / 20) * peak, rtol=0.1, atol=0)
