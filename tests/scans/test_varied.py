"""Scans whose scanner and noise differ from sample to sample, and are functions of its index."""

import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.physics.disturbances import VariedNoise, WhiteNoise
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.scanner_models import ScannerModels, analytic_model
from mpi_cascade.scans.simulated import SimulatedScans, fine_shape
from mpi_cascade.scans.varied import ScannerSpread, VariedScans

SCANNER = Scanner(num_ffp_x=16, num_ffp_y=16)
TWICE = (2, 2)
FINE = fine_shape((16, 16), TWICE)
SPREAD = ScannerSpread(gradient=0.05, core_diameter=0.1, diameter_log_std=0.15, num_scanners=4)


def streams(indices, seed=0):
    return RandomStreams(seed, 0, torch.as_tensor(indices))


def bank(spread):
    drawn = zip(spread.scanners(SCANNER), spread.receptions(SCANNER), strict=True)
    return [analytic_model(scanner, SCANNER, FINE, psf) for scanner, psf in drawn]


def varied(disturbances=()):
    return VariedScans(bank(SPREAD), SCANNER, TWICE, disturbances)


def test_every_sample_is_scanned_by_one_scanner_of_the_bank_in_the_nominal_unit():
    sample = varied().scan(PhantomMixture(), streams(range(64)))
    models = [
        ForwardModel(scanner, FINE, unit_scanner=SCANNER) for scanner in SPREAD.scanners(SCANNER)
    ]
    ideal = [
        SimulatedScans(model, SCANNER, TWICE, []).scan(PhantomMixture(), streams(range(64))).signal
        for model in models
    ]
    errors = torch.stack([(sample.signal - signal).abs().amax(dim=(1, 2, 3)) for signal in ideal])
    numbers = errors.argmin(dim=0)
    assert (errors.amin(dim=0) < 1e-6).all()
    assert set(numbers.tolist()) == set(range(4))
    # Eight in a row have the same.
    assert all(run.unique().numel() == 1 for run in numbers.split(8))


def test_a_sample_is_the_same_in_any_batch():
    scans = varied([VariedNoise()])
    indices = [5, 70, 3, 18, 2**33]
    together = scans.scan(PhantomMixture(), streams(indices)).signal
    for number, index in enumerate(indices):
        alone = scans.scan(PhantomMixture(), streams([index])).signal[0]
        torch.testing.assert_close(together[number], alone, rtol=0, atol=1e-6)
    other = scans.scan(PhantomMixture(), streams(indices, seed=1)).signal
    assert not torch.allclose(other, together)


def test_scanners_keep_their_range_and_fill_it():
    spread = ScannerSpread(gradient=0.05, core_diameter=0.02, num_scanners=200)
    scanners = spread.scanners(SCANNER)
    assert scanners == spread.scanners(SCANNER)
    gradients = torch.tensor([scanner.gradient_x_t_per_m for scanner in scanners])
    ratios = gradients / torch.tensor([scanner.gradient_y_t_per_m for scanner in scanners])
    cores = torch.tensor([scanner.particle.core_diameter_m for scanner in scanners])
    for values, nominal, largest in ((gradients, 5.0, 0.05), (cores, 25e-9, 0.02)):
        relative = values / nominal - 1
        assert relative.abs().max() <= largest + 1e-6
        assert relative.min() < -0.9 * largest and relative.max() > 0.9 * largest
    torch.testing.assert_close(ratios, torch.full_like(ratios, 2.0))
    assert abs(torch.corrcoef(torch.stack((gradients, cores)))[0, 1]) < 0.2
    assert {scanner.particle.diameter_log_std for scanner in scanners} == {0.0}


def test_offsets_and_gains_keep_their_range_and_fill_it():
    spread = ScannerSpread(ffp_offset_m=1e-4, gain=0.1, num_scanners=200)
    receptions = spread.receptions(SCANNER)
    assert receptions == spread.receptions(SCANNER)
    drawn = torch.tensor(
        [[psf.offset_x_m / 1e-4, psf.offset_y_m / 1e-4, (psf.gain - 1) / 0.1] for psf in receptions]
    )
    assert drawn.abs().max() <= 1 + 1e-6
    assert (drawn.amin(dim=0) < -0.9).all() and (drawn.amax(dim=0) > 0.9).all()
    # One quantity tells nothing of another.
    assert (torch.corrcoef(drawn.T) - torch.eye(3)).abs().max() < 0.2
    # They come on top of the scanners, and don't change them.
    both = ScannerSpread(gradient=0.05, ffp_offset_m=1e-4, num_scanners=200)
    without = ScannerSpread(gradient=0.05, num_scanners=200)
    assert both.scanners(SCANNER) == without.scanners(SCANNER)


def test_without_offset_and_gain_the_scanners_are_the_same_bit_by_bit():
    plain = [analytic_model(scanner, SCANNER, FINE) for scanner in SPREAD.scanners(SCANNER)]
    for model, other in zip(bank(SPREAD), plain, strict=True):
        assert torch.equal(model.transfer_function, other.transfer_function)


def test_an_unknown_gain_scales_the_signal_of_each_scanner():
    spread = ScannerSpread(gain=0.2, num_scanners=4)
    signal = VariedScans(bank(spread), SCANNER, TWICE, []).scan(
        PhantomMixture(), streams(range(64))
    )
    usual = SimulatedScans(ScannerModels(SCANNER).true(FINE), SCANNER, TWICE, [])
    ratios = signal.signal / usual.scan(PhantomMixture(), streams(range(64))).signal
    found = ratios.flatten(1).median(dim=1).values
    gains = torch.tensor([psf.gain for psf in spread.receptions(SCANNER)])
    assert ((found[:, None] - gains).abs().amin(dim=1) < 1e-5).all()
    assert set((found[:, None] - gains).abs().argmin(dim=1).tolist()) == set(range(4))


def test_noise_has_the_drawn_level_and_one_level_is_white_noise():
    signal = torch.ones(400, 1, 16, 16)
    noise = VariedNoise(peak_snr_db=(20.0, 50.0))(signal, SCANNER, streams(range(400))) - signal
    levels_db = -20 * noise.std(dim=(1, 2, 3)).log10()
    assert levels_db.min() > 19 and levels_db.max() < 51
    assert levels_db.mean().item() == pytest.approx(35, abs=1.5)
    assert levels_db.std().item() == pytest.approx(30 / 12**0.5, abs=0.7)
    same = VariedNoise(peak_snr_db=(30.0, 30.0))(signal, SCANNER, streams(range(400)))
    torch.testing.assert_close(same, WhiteNoise()(signal, SCANNER, streams(range(400))))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "every spread of the scanner is 0"),
        ({"gradient": 0.6}, r"ScannerSpread\.gradient is 0\.6: it is a relative change"),
        (
            {"core_diameter": -0.1},
            r"ScannerSpread\.core_diameter is -0\.1: it must not be negative",
        ),
        ({"gain": 0.6}, r"ScannerSpread\.gain is 0\.6: it is a relative change"),
        ({"ffp_offset_m": -1e-4}, r"ScannerSpread\.ffp_offset_m is -0\.0001: it must not be"),
        ({"gradient": 0.1, "num_scanners": 0}, r"num_scanners is 0: it must be greater than 0"),
    ],
)
def test_a_spread_that_says_nothing_or_too_much_is_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        ScannerSpread(**options)


def test_an_offset_that_moves_the_phantoms_out_of_the_field_of_view_is_refused():
    ScannerSpread(ffp_offset_m=1.6e-3).receptions(SCANNER)
    with pytest.raises(InputError, match=r"ffp_offset_m is 0\.1: that is in m, .* view, 0\.0016$"):
        ScannerSpread(ffp_offset_m=0.1).receptions(SCANNER)


def test_noise_levels_ascend():
    with pytest.raises(InputError, match="ascending pair"):
        VariedNoise(peak_snr_db=(50.0, 20.0))
