import math
from decimal import Decimal, localcontext

import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.physics.particle import Particle, langevin_ratio

# Both branches, and both sides of the switch between them.
ARGUMENTS = (1e-9, 1e-5, 1e-3, 0.01, 0.05, 0.09999, 0.1, 0.10001, 0.2, 1.0, 3.0, 10.0, 300.0)


def langevin(xi):
    return xi * langevin_ratio(xi)


def exact_langevin(xi):
    """Returns coth ξ − 1/ξ to 50 digits or so."""
    with localcontext(prec=100):
        exact = Decimal(xi)
        growth = (2 * exact).exp()
        return (growth + 1) / (growth - 1) - 1 / exact


@pytest.mark.parametrize("xi", ARGUMENTS)
def test_langevin_agrees_with_arithmetic_of_100_digits(xi):
    reference = float(exact_langevin(xi))
    value = langevin(torch.tensor(xi, dtype=torch.float64))
    # At the switch 10.03 − 10 = 0.033 amplifies rounding, 1.1e-16, about 300-fold, a few times.
    assert float(value) == pytest.approx(reference, rel=3e-13)


@pytest.mark.parametrize("xi", ARGUMENTS)
def test_langevin_holds_in_float32(xi):
    argument = torch.tensor(xi, dtype=torch.float32)
    # The same cancellation: 300 times the rounding of 6e-8, a few times.
    assert float(langevin(argument)) == pytest.approx(
        float(exact_langevin(float(argument))), rel=1e-4
    )


def test_langevin_is_odd():
    xi = torch.tensor(ARGUMENTS, dtype=torch.float64)
    assert torch.equal(langevin(-xi), -langevin(xi))


def test_langevin_starts_with_slope_one_third():
    zero = torch.zeros((), dtype=torch.float64)
    assert float(langevin(zero)) == 0
    assert float(langevin_ratio(zero)) == pytest.approx(1 / 3, abs=1e-16)


@pytest.mark.parametrize("xi", [1e3, 1e6, 1e12])
def test_langevin_saturates_at_one(xi):
    assert float(langevin(torch.tensor(xi, dtype=torch.float64))) == pytest.approx(1 - 1 / xi)


def test_derivatives_at_zero_are_those_of_the_series():
    zero = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(langevin(zero), zero, create_graph=True)
    (second,) = torch.autograd.grad(first, zero, create_graph=True)
    (third,) = torch.autograd.grad(second, zero)
    derivatives = [float(first.detach()), float(second.detach()), float(third)]
    assert derivatives == pytest.approx([1 / 3, 0.0, -2 / 15], abs=1e-15)


def test_derivatives_are_finite_and_those_of_the_closed_form():
    xi = torch.tensor(ARGUMENTS, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(langevin(xi).sum(), xi)
    assert slope.isfinite().all()
    regular = [(x, float(s)) for x, s in zip(ARGUMENTS, slope, strict=True) if 0.05 <= x <= 10]
    for x, value in regular:
        # 1/ξ² is up to 1200 times the difference: rounding is amplified as much.
        assert value == pytest.approx(1 / x**2 - 1 / math.sinh(x) ** 2, rel=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_at_every_magnitude(dtype):
    xi = torch.cat((torch.zeros(1), torch.logspace(-30, 6, 200))).to(dtype).requires_grad_()
    (slope,) = torch.autograd.grad(langevin(xi).sum(), xi)
    assert slope.isfinite().all()


def test_field_sensitivity_of_the_default_tracer():
    assert Particle().field_sensitivity_per_t == pytest.approx(880.9, abs=0.05)


def test_field_sensitivity_grows_with_the_volume_and_falls_with_temperature():
    default, big = Particle(), Particle(core_diameter_m=50e-9, temperature_k=600.0)
    ratio = big.field_sensitivity_per_t / default.field_sensitivity_per_t
    assert ratio == pytest.approx(8 / 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("core_diameter_m", 0.0),
        ("saturation_magnetisation_a_per_m", -1.0),
        ("temperature_k", math.inf),
        ("diameter_log_std", -0.1),
        ("relaxation_time_s", math.nan),
    ],
)
def test_impossible_particles_are_refused(name, value):
    with pytest.raises(InputError, match=rf"^Particle\.{name} is {value}: it must"):
        Particle(**{name: value})
