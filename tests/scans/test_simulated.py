import math

import pytest
import torch
from parts import DISTURBANCES
from torch.nn import functional

from mpi_cascade.checks import InputError
from mpi_cascade.metrics.functional import tracer_mass
from mpi_cascade.metrics.resolution import RAYLEIGH_DIP, pair_dip
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.scanner_models import analytic_model
from mpi_cascade.scans.simulated import SimulatedScans, fine_shape, square_oversampling


def scanner(num_ffp_x=16, **other):
    return Scanner(num_ffp_x=num_ffp_x, num_ffp_y=16, **other)


def simulator(
    image_shape=(16, 16), oversampling=(2, 2), disturbances=(), true_scanner=None, nominal=None
):
    nominal = nominal or scanner()
    fine = fine_shape(image_shape, oversampling)
    model = analytic_model(true_scanner or nominal, nominal, fine)
    return SimulatedScans(model, nominal, oversampling, disturbances)


def streams(indices):
    return RandomStreams(seed=4, stream=1, indices=torch.as_tensor(indices))


def test_a_sample_is_the_same_in_any_batch():
    scans, mixture = simulator(disturbances=DISTURBANCES), PhantomMixture()
    indices = [11, 5, 2**33, 7, 0, 3, 29, 8, 1, 40, 17]
    batch = scans.scan(mixture, streams(indices))
    assert batch.indices.tolist() == indices
    for position, index in enumerate(indices):
        alone = scans.scan(mixture, streams([index]))
        torch.testing.assert_close(
            batch.concentration[position], alone.concentration[0], rtol=0, atol=1e-6
        )
        torch.testing.assert_close(batch.signal[position], alone.signal[0], rtol=0, atol=1e-6)


def test_a_pair_is_the_same_in_any_batch():
    scans, suite = simulator(disturbances=DISTURBANCES), TwoPoints(cases_per_gap=8)
    batch = scans.scan(suite, streams([30, 2, 9]))
    alone = scans.scan(suite, streams([9]))
    torch.testing.assert_close(batch.signal[2:], alone.signal, rtol=0, atol=1e-6)
    assert torch.equal(batch.pairs.centre_m[2:], alone.pairs.centre_m)


def test_concentration_is_the_mean_of_the_fine_rendering_over_each_pixel():
    mixture, samples = PhantomMixture(), streams(range(6))
    scan = simulator((16, 12), oversampling=(3, 3)).scan(mixture, samples)
    size_m = scanner().field_of_view_m
    fine = render(mixture.draw(samples, size_m).shapes, 6, (48, 36), size_m).numpy()
    expected = fine.reshape(6, 1, 16, 3, 12, 3).mean(axis=(3, 5))
    torch.testing.assert_close(scan.concentration, torch.from_numpy(expected), rtol=0, atol=1e-6)
    assert scan.signal.shape == (6, 1, 16, 16)
    assert scan.pairs is None


def test_the_signal_is_that_of_the_fine_rendering_not_of_the_image():
    mixture, samples = PhantomMixture(), streams(range(6))
    scan = simulator(oversampling=(4, 4)).scan(mixture, samples)
    size_m = scanner().field_of_view_m
    fine = render(mixture.draw(samples, size_m).shapes, 6, (64, 64), size_m)
    expected = ForwardModel(scanner(), (64, 64))(fine)
    torch.testing.assert_close(scan.signal, expected, rtol=0, atol=1e-6)
    crime = ForwardModel(scanner(), (16, 16))(scan.concentration)
    assert (crime - expected).abs().max() > 0.01 * expected.abs().max()


@pytest.mark.slow
def test_a_simulation_four_times_as_fine_gives_the_same_signal():
    mixture, samples = PhantomMixture(), streams(range(24))
    coarse = simulator((64, 64), oversampling=(2, 2)).scan(mixture, samples).signal
    fine = simulator((64, 64), oversampling=(8, 8)).scan(mixture, samples).signal
    error = (coarse - fine).abs().amax(dim=(1, 2, 3)) / fine.abs().amax(dim=(1, 2, 3))
    # A third of the noise at 30 dB.
    assert error.max() < 0.01


def test_disturbances_act_in_the_order_given():
    mixture, samples = PhantomMixture(), streams(range(3))
    ideal = simulator().scan(mixture, samples).signal
    expected = ideal
    for disturbance in DISTURBANCES:
        expected = disturbance(expected, scanner(), samples)
    disturbed = simulator(disturbances=DISTURBANCES).scan(mixture, samples).signal
    torch.testing.assert_close(disturbed, expected, rtol=0, atol=1e-6)
    backwards = simulator(disturbances=DISTURBANCES[::-1]).scan(mixture, samples).signal
    assert (backwards - disturbed).abs().max() > 1e-4


def test_a_true_scanner_makes_the_signal_in_the_unit_of_the_nominal_one():
    true_scanner = scanner(gradient_x_t_per_m=4.5, particle=Particle(core_diameter_m=26e-9))
    mixture, samples = PhantomMixture(), streams(range(3))
    scan = simulator(true_scanner=true_scanner).scan(mixture, samples)
    size_m = true_scanner.field_of_view_m
    fine = render(mixture.draw(samples, size_m).shapes, 3, (32, 32), size_m)
    model = ForwardModel(true_scanner, (32, 32), unit_scanner=scanner())
    torch.testing.assert_close(scan.signal, model(fine), rtol=0, atol=1e-6)


def test_two_points_come_with_their_geometry():
    suite = TwoPoints(gaps_mm=(0.2, 0.6), cases_per_gap=4)
    scan = simulator((64, 64)).scan(suite, streams(range(8)))
    torch.testing.assert_close(scan.pairs.gap_m, torch.tensor([0.2e-3] * 4 + [0.6e-3] * 4))
    row = functional.grid_sample(
        scan.concentration, (scan.pairs.centre_m / 3.2e-3)[:, None, None], align_corners=False
    )
    # Between discs a gap of two or more pixels apart there is nothing.
    assert row[4:].abs().max() == 0
    assert (scan.concentration.amax(dim=(1, 2, 3)) > 0.99).all()


def line_scans(field_of_view_y_m):
    line = Scanner(num_ffp_y=1, field_of_view_y_m=field_of_view_y_m)
    return simulator((1, 64), square_oversampling((1, 64), line.field_of_view_m, 2), nominal=line)


@pytest.mark.parametrize("field_of_view_y_m", [1.6e-3, 6.4e-3])
def test_a_line_loses_nothing_that_lies_between_its_points(field_of_view_y_m):
    scans = line_scans(field_of_view_y_m)
    concentration = scans.scan(SingleDiscs(diameter_mm=0.4), streams(range(64))).concentration
    mass = tracer_mass(concentration, scans.field_of_view_m) / (math.pi * 0.2e-3**2)
    torch.testing.assert_close(mass, torch.ones(64), rtol=0, atol=0.03)


def test_wide_pairs_are_resolved_in_the_truth_of_a_line_whose_pixels_they_cannot_fill():
    scans = line_scans(6.4e-3)
    pairs = TwoPoints(gaps_mm=(0.5,), cases_per_gap=32)
    for scene, is_resolved in ((pairs, True), (Capsules(outlines=pairs), False)):
        scan = scans.scan(scene, streams(range(32)))
        assert scan.concentration.max() < 0.1
        dip = pair_dip(scan.concentration, scan.pairs, scans.field_of_view_m)
        assert ((dip >= RAYLEIGH_DIP) == is_resolved).all()


def test_oversampling_is_the_same_along_both_axes_of_pixels_that_are_about_square():
    assert square_oversampling((64, 64), (6.4e-3, 6.4e-3), 2) == (2, 2)
    assert square_oversampling((16, 12), (6.4e-3, 6.4e-3), 3) == (3, 3)
    assert square_oversampling((1, 64), (1.6e-3, 6.4e-3), 2) == (32, 2)


@pytest.mark.parametrize("oversampling", [1, 0, -2])
def test_the_inverse_crime_is_refused(oversampling):
    with pytest.raises(InputError, match=rf"^oversampling is {oversampling}: "):
        simulator(oversampling=(3, oversampling))


@pytest.mark.parametrize(
    "true_scanner",
    [scanner(num_ffp_x=8), scanner(harmonics=(3, 5)), scanner(field_of_view_x_m=6e-3)],
    ids=["grid", "harmonics", "field of view"],
)
def test_a_true_scanner_with_other_signals_is_refused(true_scanner):
    with pytest.raises(InputError, match=r"^true_scanner has a \w+ of \(.*: give both the same"):
        simulator(true_scanner=true_scanner)


RELAXING = Particle(relaxation_time_s=2e-6)


@pytest.mark.parametrize("harmonics", [(3,), (3, 5)])
def test_relaxation_that_the_nominal_scanner_lacks_leaves_the_part_in_phase(harmonics):
    nominal = scanner(harmonics=harmonics)
    true_scanner = scanner(harmonics=harmonics, particle=RELAXING)
    mixture, samples = PhantomMixture(), streams(range(3))
    scan = simulator(true_scanner=true_scanner, nominal=nominal).scan(mixture, samples)
    assert scan.signal.shape == (3, *nominal.signal_shape)
    size_m = nominal.field_of_view_m
    fine = render(mixture.draw(samples, size_m).shapes, 3, (32, 32), size_m)
    full = ForwardModel(true_scanner, (32, 32), unit_scanner=nominal)(fine)
    assert full.shape[1] == 2 * len(harmonics)
    for number in range(len(harmonics)):
        in_phase, quadrature = full[:, 2 * number], full[:, 2 * number + 1]
        torch.testing.assert_close(scan.signal[:, number], in_phase, rtol=0, atol=1e-6)
        assert (scan.signal[:, number] - quadrature).abs().max() > 1e-3
    ideal = simulator(nominal=nominal).scan(mixture, samples).signal
    assert (scan.signal - ideal).abs().max() > 1e-3


def test_disturbances_act_on_the_channels_that_are_received():
    true_scanner = scanner(particle=RELAXING)
    mixture, samples = PhantomMixture(), streams(range(3))
    ideal = simulator(true_scanner=true_scanner).scan(mixture, samples).signal
    noisy = (
        simulator(true_scanner=true_scanner, disturbances=DISTURBANCES)
        .scan(mixture, samples)
        .signal
    )
    expected = ideal
    for disturbance in DISTURBANCES:
        expected = disturbance(expected, scanner(), samples)
    torch.testing.assert_close(noisy, expected, rtol=0, atol=1e-6)


def test_relaxation_of_both_scanners_keeps_both_parts():
    nominal = scanner(particle=RELAXING)
    true_scanner = scanner(particle=Particle(relaxation_time_s=3e-6))
    scan = simulator(true_scanner=true_scanner, nominal=nominal).scan(
        PhantomMixture(), streams(range(2))
    )
    assert scan.signal.shape == (2, 2, 16, 16)


def test_a_true_scanner_without_the_relaxation_of_the_nominal_one_is_refused():
    with pytest.raises(InputError, match=r"^scanner has relaxation and true_scanner has none: "):
        simulator(true_scanner=scanner(), nominal=scanner(particle=RELAXING))
