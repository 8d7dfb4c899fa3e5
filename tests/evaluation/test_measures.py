import math

import numpy as np
import pytest
import torch
from measured import FIELD_OF_VIEW_M, make_sample, phantoms, split_or_not

from mpi_cascade.evaluation.measures import CAPSULES, DISCS, NULLS, PAIRS, PHANTOMS
from mpi_cascade.metrics.functional import nrmse, psnr, ssim
from mpi_cascade.metrics.resolution import full_width_half_maximum, localisation_error, pair_dip


def measured(kind, estimate, sample):
    """The columns of cases, as a table would keep them."""
    columns = {
        name: measure(estimate, sample, FIELD_OF_VIEW_M).double().numpy()
        for name, measure in kind.columns.items()
    }
    gaps_mm = 1e3 * sample.pairs.gap_m.double().numpy() if sample.pairs else math.nan
    return {**columns, "gap_mm": np.round(gaps_mm, 6)}


def statistics(kind, estimate, sample):
    columns = measured(kind, estimate, sample)
    return {name: statistic(columns) for name, statistic in kind.of_all.items()}


def test_a_mean_is_that_of_the_defined_cases():
    estimate, sample = phantoms()
    found = statistics(PHANTOMS, estimate, sample)
    for name, function in (("psnr_db", psnr), ("nrmse", nrmse), ("ssim", ssim)):
        expected = function(estimate[1:], sample.concentration[1:])
        assert found[name].value == pytest.approx(expected.mean().item(), rel=1e-6)
        assert found[name].num_cases == 11
        assert found[name].low < found[name].value < found[name].high


def test_quality_inside_and_outside_and_the_mass_of_a_scaled_box():
    truth = torch.zeros(2, 1, 24, 24)
    truth[0, 0, 4:14, 4:14] = 1
    truth[1, 0, 4:18, 4:18] = 0.5
    found = statistics(PHANTOMS, 0.9 * truth, make_sample(truth))
    assert found["non_uniformity"].value == pytest.approx(0, abs=1e-6)
    assert found["ghost_energy"].value == 0
    assert found["mass_bias"].value == pytest.approx(-0.1)


def test_mass_statistics_of_a_known_error():
    """Recovered (1 + b)·m: the bias is b, and R² = 1 − b²·Σm²/Σ(m − m̄)²."""
    _, sample = phantoms()
    mass = sample.concentration.mean(dim=(1, 2, 3)).double().numpy()
    for bias in (-0.2, 0.0, 0.1):
        found = statistics(PHANTOMS, (1 + bias) * sample.concentration, sample)
        expected = 1 - bias**2 * (mass**2).sum() / ((mass - mass.mean()) ** 2).sum()
        assert found["mass_bias"].value == pytest.approx(bias, abs=1e-6)
        assert found["mass_r2"].value == pytest.approx(expected, rel=1e-4)


def test_r2_of_the_mean_is_zero_and_of_equal_masses_undefined():
    _, sample = phantoms()
    mean = torch.full_like(sample.concentration, sample.concentration.mean())
    assert statistics(PHANTOMS, mean, sample)["mass_r2"].value == pytest.approx(0, abs=1e-5)
    same = make_sample(torch.ones(3, 1, 8, 8))
    assert np.isnan(statistics(PHANTOMS, same.concentration, same)["mass_r2"][:3]).all()


def test_empty_phantoms_count_in_the_mass_but_have_no_bias_of_their_own():
    truth = torch.zeros(3, 1, 8, 8)
    assert math.isnan(statistics(PHANTOMS, truth + 0.1, make_sample(truth))["mass_bias"].value)
    truth[2] = 1
    found = statistics(PHANTOMS, truth + 0.1, make_sample(truth))["mass_bias"]
    assert found.value == pytest.approx(0.3)
    assert found.num_cases == 3


def test_dips_and_their_shares():
    estimate, sample = split_or_not([True, False, False, True], [0.3] * 4)
    columns = measured(PAIRS, estimate, sample)
    expected = pair_dip(estimate, sample.pairs, FIELD_OF_VIEW_M)
    assert PAIRS.of_gaps["dip"](columns).value == pytest.approx(expected.mean().item())
    assert PAIRS.of_gaps["resolved"](columns).value == 0.5
    assert CAPSULES.of_all["false_splits"](columns) == PAIRS.of_gaps["resolved"](columns)


def test_an_image_that_is_not_a_number_resolves_nothing():
    estimate, sample = split_or_not([True, True], [0.3, 0.3])
    estimate[0] = math.nan
    columns = measured(PAIRS, estimate, sample)
    assert PAIRS.of_gaps["resolved"](columns)[::3] == (0.5, 2)
    assert PAIRS.of_gaps["dip"](columns).num_cases == 1


@pytest.mark.parametrize(
    ("shares", "num", "expected_mm", "interval_mm"),
    [
        # 200 of 200: surely above 0.95; 19 of 20: it may be, or not.
        ({0.1: 0.0, 0.2: 1.0, 0.3: 1.0}, 200, 0.2, (0.2, 0.2)),
        ({0.1: 0.5, 0.2: 0.95, 0.3: 1.0}, 20, 0.2, (0.2, math.nan)),
        ({0.1: 1.0, 0.2: 0.5, 0.3: 1.0}, 200, 0.3, (0.3, 0.3)),
        ({0.1: 1.0, 0.2: 1.0, 0.3: 0.5}, 200, math.nan, (math.nan, math.nan)),
        ({0.1: 0.94, 0.2: 1.0, 0.3: 1.0}, 200, 0.2, (0.1, 0.2)),
        ({}, 0, math.nan, (math.nan, math.nan)),
    ],
)
def test_the_resolvable_gap_and_its_interval(shares, num, expected_mm, interval_mm):
    dips = [np.arange(num) < round(share * num) for share in shares.values()]
    columns = {"gap_mm": np.repeat(list(shares), num), "dip": np.concatenate([np.zeros(0), *dips])}
    expected = (expected_mm, *interval_mm, len(shares) * num)
    found = PAIRS.of_all["resolvable_gap_rayleigh_mm"](columns)
    assert found == pytest.approx(expected, nan_ok=True)
    # At a threshold of its own: a method of half the dips that needs half the dip.
    half = {**columns, "dip": 0.1 * columns["dip"], "threshold": np.full(len(columns["dip"]), 0.05)}
    assert PAIRS.of_all["resolvable_gap_mm"](half) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("threshold", "share"), [(0.1, 1.0), (0.5, 0.5), (math.nan, math.nan)])
def test_shares_at_a_methods_own_threshold(threshold, share):
    columns = {"dip": np.array([0.1, 0.2, 0.5, 0.7]), "threshold": np.full(4, threshold)}
    found = PAIRS.of_gaps["resolved_at_1pct"](columns)
    assert found.value == pytest.approx(share, nan_ok=True)
    assert found.num_cases == 4
    for kind in (CAPSULES, NULLS):
        assert kind.of_all["split_at_1pct"](columns) == pytest.approx(found, nan_ok=True)


def test_means_over_single_discs_are_in_millimetres():
    place = ((torch.arange(64) + 0.5) / 64 - 0.5) * 6.4
    blob = torch.exp(-(place[:, None] ** 2 + (place - 0.1) ** 2) / (2 * 0.2**2))
    estimate = torch.stack((blob, blob.sqrt(), torch.zeros(64, 64)))[:, None]
    sample = make_sample(estimate, [-0.4] * 3)
    centre, direction, diameter, _ = sample.pairs
    widths = full_width_half_maximum(estimate, centre, direction, diameter, FIELD_OF_VIEW_M)
    shifts = localisation_error(estimate, centre, diameter, FIELD_OF_VIEW_M)
    found = statistics(DISCS, estimate, sample)
    for name, values in (("width_mm", widths), ("localisation_error_mm", shifts)):
        assert values.isnan().tolist() == [False, False, True]
        assert found[name].value == pytest.approx(1e3 * values[:2].mean().item())
        assert found[name].num_cases == 2
