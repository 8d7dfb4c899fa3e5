import math

import numpy as np
import pytest
import torch
from parts import DISTURBANCES
from scipy import stats

from mpi_cascade.checks import InputError
from mpi_cascade.physics.disturbances import (
    BackgroundDrift,
    FeedThrough,
    FFPDisplacement,
    GainVariation,
    PinkNoise,
    WhiteNoise,
)
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams

each_disturbance = pytest.mark.parametrize(
    "disturbance", DISTURBANCES, ids=lambda one: type(one).__name__
)


def small_scanner(relaxation_time_s=0.0, harmonics=(3,), num_y=12, num_x=16):
    particle = Particle(relaxation_time_s=relaxation_time_s)
    return Scanner(num_ffp_x=num_x, num_ffp_y=num_y, harmonics=harmonics, particle=particle)


def streams(num_samples):
    return RandomStreams(seed=1, stream=2, indices=torch.arange(num_samples))


def random_signal(num_samples, scanner):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num_samples, *scanner.signal_shape, generator=generator)


def added(disturbance, num_samples, scanner, peak):
    """Returns what is added to signals of the given peak, in units of the peak."""
    signal = torch.full((num_samples, *scanner.signal_shape), 0.5 * peak)
    signal[..., 3, 5] = -peak
    return (disturbance(signal, scanner, streams(num_samples)) - signal).double().numpy() / peak


@each_disturbance
@pytest.mark.parametrize("relaxation_time_s", [0.0, 2e-6])
def test_a_sample_is_disturbed_alone_as_in_its_batch(disturbance, relaxation_time_s):
    scanner = small_scanner(relaxation_time_s, harmonics=(2, 3))
    signal = random_signal(9, scanner)
    batch = disturbance(signal, scanner, streams(9))
    order = torch.tensor([7, 2])
    alone = disturbance(signal[order], scanner, RandomStreams(1, 2, order))
    assert batch.shape == signal.shape
    assert (batch - signal).abs().max() > 1e-3
    torch.testing.assert_close(batch[order], alone, rtol=0, atol=1e-6)


@each_disturbance
def test_an_amount_relative_to_the_peak_scales_with_the_signal(disturbance):
    scanner = small_scanner()
    signal = random_signal(3, scanner)
    once = disturbance(signal, scanner, streams(3))
    torch.testing.assert_close(disturbance(64 * signal, scanner, streams(3)), 64 * once)


@each_disturbance
@pytest.mark.parametrize("ffp_shape", [(12, 16), (1, 16), (1, 1)])
def test_an_empty_scan_stays_zero(disturbance, ffp_shape):
    scanner = small_scanner(num_y=ffp_shape[0], num_x=ffp_shape[1])
    silence = torch.zeros(2, *scanner.signal_shape)
    assert torch.equal(disturbance(silence, scanner, streams(2)), silence)


@pytest.mark.parametrize("peak_snr_db", [0.0, 20.0, 30.0])
def test_white_noise_is_normal_with_the_stated_deviation(peak_snr_db):
    noise = added(WhiteNoise(peak_snr_db=peak_snr_db), 200, small_scanner(), peak=2.0)
    sigma = 10 ** (-peak_snr_db / 20)
    # Four standard errors: 1/√(2·38400) = 0.36 %.
    assert noise.std() == pytest.approx(sigma, rel=0.015)
    assert stats.kstest(noise.ravel() / sigma, "norm").pvalue > 0.01


def test_white_noise_is_independent_in_space_and_channel():
    noise = added(WhiteNoise(peak_snr_db=0.0), 300, small_scanner(2e-6), peak=1.0)
    pairs = [
        (noise[..., 1:], noise[..., :-1]),
        (noise[..., 1:, :], noise[..., :-1, :]),
        (noise[:, 1:], noise[:, :-1]),
        (noise[1:], noise[:-1]),
    ]
    for first, second in pairs:
        correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
        assert abs(correlation) < 4 / math.sqrt(first.size)


def test_pink_noise_has_the_stated_deviation():
    noise = added(PinkNoise(peak_snr_db=20.0), 400, small_scanner(num_y=32, num_x=32), peak=2.0)
    # The lowest frequencies dominate: one scan's variance scatters by 16 %, 400 by 0.8 %.
    assert noise.var() == pytest.approx(0.01, rel=4 * 0.008)


@pytest.mark.parametrize("num_x", [32, 31])
def test_pink_noise_has_power_inverse_to_frequency(num_x):
    scanner = small_scanner(num_y=31, num_x=num_x)
    noise = added(PinkNoise(peak_snr_db=0.0), 200, scanner, peak=1.0).reshape(200, -1)
    power = (np.abs(np.fft.rfft(noise)) ** 2).mean(axis=0)
    # The mean over time is not noise but feed-through, which has a class of its own.
    assert power[0] < 1e-6 * power[1]
    frequency = np.arange(1, len(power))
    slope, _ = np.polyfit(np.log(frequency), np.log(power[1:]), 1)
    # Four standard errors of the slope for 200 periodograms.
    scatter = np.log(frequency).std() * math.sqrt(200 * len(frequency))
    assert slope == pytest.approx(-1, abs=4 / scatter)


def test_feed_through_adds_a_constant_to_a_real_channel():
    offset = added(FeedThrough(relative_amplitude=0.2, phase_rad=1.0), 2, small_scanner(), 3.0)
    np.testing.assert_allclose(offset, 0.2 * math.cos(1.0), atol=1e-6)


def test_feed_through_adds_a_phasor_to_every_complex_harmonic():
    scanner = small_scanner(2e-6, harmonics=(2, 3))
    offset = added(FeedThrough(relative_amplitude=0.2, phase_rad=1.0), 2, scanner, 3.0)
    phasor = 0.2 * np.exp(1j)
    expected = np.array([phasor.real, phasor.imag] * 2)[:, None, None]
    np.testing.assert_allclose(offset, np.broadcast_to(expected, offset.shape), atol=1e-6)


@pytest.mark.parametrize(("relaxation_time_s", "expected"), [(0.0, [0.05] * 6), (
    2e-6, [0.05, 0.05 * math.sqrt(3)] * 3)])  # fmt: skip
def test_feed_through_reaches_every_channel_of_a_measured_matrix(relaxation_time_s, expected):
    signal = torch.ones(2, 6, 12, 16)
    disturbance = FeedThrough(relative_amplitude=0.1, phase_rad=math.pi / 3)
    added = disturbance(signal, small_scanner(relaxation_time_s), streams(2)) - signal
    expected = torch.tensor(expected)[:, None, None].expand_as(signal)
    torch.testing.assert_close(added, expected, rtol=0, atol=1e-6)


def test_background_drift_is_a_random_walk_from_line_to_line():
    scanner = small_scanner(2e-6, num_y=40, num_x=6)
    offset = added(BackgroundDrift(relative_std=0.05), 200, scanner, peak=2.0)
    np.testing.assert_allclose(offset, np.broadcast_to(offset[..., :1], offset.shape), atol=1e-6)
    steps = np.diff(offset[..., 0], axis=2)
    assert steps.std() == pytest.approx(0.05, rel=4 / math.sqrt(2 * steps.size))
    assert stats.kstest(steps.ravel() / 0.05, "norm").pvalue > 0.01
    assert abs(np.corrcoef(steps[:, 0].ravel(), steps[:, 1].ravel())[0, 1]) < 0.05


def test_gain_varies_from_line_to_line_around_one():
    scanner = small_scanner(2e-6, harmonics=(2, 3), num_y=40, num_x=6)
    signal = random_signal(200, scanner)
    gain = (GainVariation(relative_std=0.05)(signal, scanner, streams(200)) / signal).numpy()
    lines = gain[:, :1, :, :1]
    np.testing.assert_allclose(gain, np.broadcast_to(lines, gain.shape), rtol=1e-6)
    assert lines.mean() == pytest.approx(1, abs=4 * 0.05 / math.sqrt(lines.size))
    assert lines.std() == pytest.approx(0.05, rel=4 / math.sqrt(2 * lines.size))


def disc_signals(scanner, centres_m):
    """Returns the signals of discs of 0.8 mm, drawn on a fine grid, one for each (x, y)."""
    position_m = (torch.arange(128) + 0.5) * (6.4e-3 / 128) - 3.2e-3
    images = []
    for x_m, y_m in centres_m:
        radius_m = torch.hypot(position_m - x_m, position_m[:, None] - y_m)
        images.append(((0.4e-3 - radius_m) / (6.4e-3 / 128) + 0.5).clamp(0, 1))
    return ForwardModel(scanner, (128, 128))(torch.stack(images)[:, None])


def test_an_offset_of_the_ffp_moves_the_phantom_the_other_way():
    scanner, disturbance = Scanner(), FFPDisplacement(offset_std_m=0.05e-3)
    # The offset is not returned: the test knows the name of its draw, standard normal, (x, y).
    offset_m = 0.05e-3 * streams(4).normal("ffp offset", (1, 1, 2))[:, 0, 0]
    centre_m = torch.tensor([0.2e-3, -0.3e-3])
    still = disc_signals(scanner, centre_m.expand(4, 2))
    expected = disc_signals(scanner, centre_m - offset_m)
    difference = disturbance(still, scanner, streams(4)) - expected
    # A cubic spline (SciPy) interpolates these signals to 0.1 % of the peak.
    assert difference[..., 4:-4, 4:-4].abs().max() < 4e-3 * still.abs().max()


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_small_displacement_changes_a_ramp_by_slope_times_displacement(axis):
    scanner = Scanner(field_of_view_y_m=3.2e-3)
    size_m = scanner.field_of_view_x_m if axis == "x" else scanner.field_of_view_y_m
    ramp = ((torch.arange(64) + 0.5) / 64 - 0.5) * size_m
    signal = (ramp if axis == "x" else ramp[:, None]).expand(20, 1, 64, 64).contiguous()
    std_m = 0.05 * size_m / 64
    displaced = FFPDisplacement(jitter_std_m=std_m)(signal, scanner, streams(20))
    change_m = (displaced - signal)[..., 4:-4, 4:-4].double()
    # Four standard errors of 20·56² displacements are 1.1 %.
    assert float(change_m.std()) == pytest.approx(std_m, rel=0.02)


@pytest.mark.parametrize("relaxation_time_s", [0.0, 2e-6])
def test_no_displacement_leaves_the_signal_as_it_is(relaxation_time_s):
    scanner = small_scanner(relaxation_time_s)
    signal = random_signal(3, scanner)
    same = FFPDisplacement()(signal, scanner, streams(3))
    torch.testing.assert_close(same, signal, rtol=0, atol=2e-6 * float(signal.abs().max()))


@pytest.mark.parametrize("amount", [0.0, 0.3])
def test_a_constant_signal_does_not_feel_displacement(amount):
    scanner = small_scanner()
    signal = torch.full((3, 1, 12, 16), 2.0)
    moved = FFPDisplacement(offset_std_m=amount * 1e-3, jitter_std_m=amount * 1e-3)
    torch.testing.assert_close(moved(signal, scanner, streams(3)), signal)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (WhiteNoise, "peak_snr_db", math.nan),
        (PinkNoise, "peak_snr_db", math.inf),
        (FeedThrough, "relative_amplitude", -0.1),
        (FeedThrough, "phase_rad", math.nan),
        (BackgroundDrift, "relative_std", -0.1),
        (GainVariation, "relative_std", math.nan),
        (FFPDisplacement, "offset_std_m", -1e-3),
        (FFPDisplacement, "jitter_std_m", -1e-3),
    ],
)
def test_impossible_amounts_are_refused(kind, name, value):
    with pytest.raises(InputError, match=rf"^{kind.__name__}\.{name} is {value}: it must"):
        kind(**{name: value})
