import numpy as np
import pytest
import torch
from noisy import noisy_scans

from mpi_cascade.checks import InputError
from mpi_cascade.losses import DataConsistency, WeightedSum
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner

COMPLEX = {"harmonics": (2, 3), "particle": Particle(relaxation_time_s=3e-6)}


@pytest.fixture(params=[{}, COMPLEX], ids=["real", "complex"])
def case(request):
    """A forward model, scans and images for them."""
    scanner = Scanner(num_ffp_y=12, num_ffp_x=16, **request.param)
    sample = noisy_scans(scanner, (16, 8), 3)
    noise = torch.randn(3, 1, 16, 8, generator=torch.Generator().manual_seed(0))
    return ForwardModel(scanner, (16, 8)), sample, sample.concentration + 0.1 * noise


def test_is_the_residual_of_the_explicit_matrix(case):
    model, sample, estimate = case
    signal = estimate.flatten(1).double().numpy() @ model.matrix().double().numpy().T
    residual = signal - sample.signal.flatten(1).numpy()
    expected = np.sqrt((residual**2).mean(axis=1)).mean()
    np.testing.assert_allclose(DataConsistency(model, floor=1e-9)(estimate, sample), expected, 1e-4)


def test_its_gradient_is_the_adjoint_of_the_residual(case):
    model, sample, estimate = case
    estimate = estimate.requires_grad_()
    DataConsistency(model, floor=1e-9)(estimate, sample).backward()
    residual = (model(estimate) - sample.signal).detach()
    norms = residual.flatten(1).norm(dim=1)[:, None, None, None]
    expected = model.adjoint(residual) / norms / (3 * residual[0].numel() ** 0.5)
    torch.testing.assert_close(estimate.grad, expected, rtol=1e-3, atol=1e-6)


def test_is_zero_with_a_finite_gradient_where_the_signal_is_explained(case):
    model, sample, estimate = case
    sample = sample._replace(signal=model(estimate))
    estimate = estimate.clone().requires_grad_()
    loss = DataConsistency(model)(estimate, sample)
    loss.backward()
    torch.testing.assert_close(loss, torch.zeros(()), rtol=0, atol=1e-9)
    assert torch.equal(estimate.grad, torch.zeros_like(estimate))


def test_is_the_noise_at_the_truth(case):
    model, sample, _ = case
    sample = sample._replace(signal=model(sample.concentration))
    noise = 0.01 * torch.randn(sample.signal.shape, generator=torch.Generator().manual_seed(0))
    loss = DataConsistency(model)(
        sample.concentration, sample._replace(signal=sample.signal + noise)
    )
    torch.testing.assert_close(loss, torch.tensor(0.01), rtol=0.1, atol=0)


def test_mixed_precision_does_not_change_it(case):
    model, sample, estimate = case
    estimate = estimate.bfloat16()
    expected = DataConsistency(model)(estimate.float(), sample)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = DataConsistency(model)(estimate, sample)
    torch.testing.assert_close(value, expected)


def test_takes_the_model_later_and_anew(case):
    model, sample, estimate = case
    loss = DataConsistency()
    with pytest.raises(InputError, match=r"^DataConsistency has no forward model to compare"):
        loss(estimate, sample)
    for other in (ForwardModel(Scanner(num_ffp_y=12, num_ffp_x=16), (16, 8)), model):
        loss.use(other)
    torch.testing.assert_close(loss(estimate, sample), DataConsistency(model)(estimate, sample))
    assert not loss.state_dict()


def test_sums_pass_the_model_on_to_every_depth(case):
    model, sample, estimate = case
    inner = WeightedSum({"consistency": DataConsistency(), "square": torch.nn.MSELoss()})
    loss = WeightedSum({"inner": inner, "consistency": DataConsistency()})
    loss.use(model)
    single = DataConsistency(model)(estimate, sample)
    expected = 2 * single + (estimate - sample.concentration).square().mean()
    torch.testing.assert_close(loss(estimate, sample), expected)
