"""Risk control, against SciPy's binomial distribution and by simulation."""

import math

import numpy as np
import pytest
from scipy.special import rel_entr
from scipy.stats import binom

from mpi_cascade.checks import InputError
from mpi_cascade.guarantee.risk_control import (
    FACTORS,
    controlling_factor,
    hoeffding_bentkus,
    least_scans,
    losses_at_factors,
)


@pytest.mark.parametrize("mean_loss", [0.0, 0.02, 0.08, 0.1, 0.5])
@pytest.mark.parametrize("num_scans", [30, 1000])
def test_the_p_value_is_the_smaller_of_both_bounds(mean_loss, num_scans):
    """As both are written in the source, with SciPy's relative entropy."""
    divergence = rel_entr(mean_loss, 0.1) + rel_entr(1 - mean_loss, 0.9)
    hoeffding = 1.0 if mean_loss >= 0.1 else math.exp(-num_scans * divergence)
    tail = sum(binom.pmf(k, num_scans, 0.1) for k in range(round(num_scans * mean_loss) + 1))
    assert hoeffding_bentkus(mean_loss, num_scans, 0.1) == pytest.approx(
        min(1.0, hoeffding, math.e * tail), rel=1e-9
    )


@pytest.mark.parametrize(("risk", "failure"), [(0.1, 0.1), (0.05, 0.01)])
def test_the_least_number_of_scans_is_that_at_which_none_missed_suffices(risk, failure):
    num = least_scans(risk, failure)
    assert (1 - risk) ** num <= failure < (1 - risk) ** (num - 1)
    assert hoeffding_bentkus(0.0, num, risk) <= failure < hoeffding_bentkus(0.0, num - 1, risk)


def test_losses_are_the_shares_that_need_a_larger_factor():
    needed = [np.array([0.5, 1.0, 2.0, 1e9]), np.array([FACTORS[0]])]
    losses = losses_at_factors(needed)
    for factor in (0.4, 0.7, 1.5, 50.0):
        place = int(np.searchsorted(FACTORS, factor))
        expected = [np.mean(values > FACTORS[place]) for values in needed]
        np.testing.assert_array_equal(losses[:, place], expected)
    assert (np.diff(losses, axis=1) <= 0).all()


def test_a_scan_without_values_has_no_loss():
    needed = [np.array([0.5, 2.0]), np.array([])]
    np.testing.assert_array_equal(losses_at_factors(needed), losses_at_factors(needed[:1]))
    assert losses_at_factors(needed[1:]).shape == (0, len(FACTORS))
    with pytest.raises(InputError, match="has 0 calibration scans"):
        controlling_factor(losses_at_factors(needed[1:]), 0.1, 0.1)


def test_the_factor_fails_no_more_often_than_it_may():
    """Pixels of a scan share an error: losses are far from Bernoulli, and the bound still holds."""
    generator = np.random.default_rng(0)
    failures = 0
    for _ in range(200):
        common = np.abs(generator.normal(size=(300, 1)))
        needed = 0.5 * common + np.abs(generator.normal(size=(300, 20)))
        factor = controlling_factor(losses_at_factors(list(needed)), 0.1, 0.1)
        common = np.abs(generator.normal(size=(4000, 1)))
        new = 0.5 * common + np.abs(generator.normal(size=(4000, 20)))
        failures += np.mean(new > factor) > 0.1
    assert failures <= binom.ppf(0.99, 200, 0.1)


def test_the_factor_is_no_larger_than_it_needs_to_be():
    generator = np.random.default_rng(1)
    needed = np.abs(generator.normal(size=(5000, 50)))
    factor = controlling_factor(losses_at_factors(list(needed)), 0.1, 0.1)
    # 1.645 holds 90 %, 1.75 holds 92 %.
    assert 1.645 <= factor < 1.75


def test_too_few_scans_are_refused_with_how_many_it_takes():
    with pytest.raises(InputError, match=r"has 21 calibration scans .* it needs 22 at least"):
        controlling_factor(np.zeros((21, len(FACTORS))), 0.1, 0.1)


def test_intervals_that_never_hold_are_refused():
    with pytest.raises(InputError, match="100 times as wide miss more than 10 % in 50"):
        controlling_factor(np.ones((50, len(FACTORS))), 0.1, 0.1)
