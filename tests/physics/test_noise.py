import pytest
import torch

from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.noise import NoiseEstimate
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner

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
