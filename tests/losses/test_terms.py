import pytest
import torch
from torch import nn

from mpi_cascade.checks import InputError
from mpi_cascade.losses import SSIM, DataConsistency, ImageRMSE, SampleLoss, WeightedSum, loss_terms


@pytest.fixture
def estimate(sample):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(sample.concentration.shape, generator=generator)
    return sample.concentration + 0.1 * noise


class SignalPower(SampleLoss):
    """What a user's own loss of the scan may look like."""

    def forward(self, estimate, sample):
        return sample.signal.square().mean() * estimate.mean()


def test_terms_are_the_weighted_losses_by_name(model, sample, estimate):
    truth = sample.concentration
    loss = WeightedSum(
        {"absolute": nn.L1Loss(), "ssim": SSIM(), "signal": DataConsistency(model)},
        weights={"ssim": 0.3, "signal": 2.0},
    )
    terms = loss_terms(loss, estimate, sample)
    assert list(terms) == ["absolute", "ssim", "signal"]
    torch.testing.assert_close(terms["absolute"], nn.L1Loss()(estimate, truth))
    torch.testing.assert_close(terms["ssim"], 0.3 * SSIM()(estimate, truth))
    torch.testing.assert_close(terms["signal"], 2 * DataConsistency(model)(estimate, sample))
    torch.testing.assert_close(loss(estimate, sample), sum(terms.values()))


def test_a_sum_within_the_sum_is_one_term(sample, estimate):
    inner = WeightedSum({"rmse": ImageRMSE(), "own": SignalPower()}, weights={"own": 0.5})
    loss = WeightedSum({"inner": inner, "square": nn.MSELoss()}, weights={"inner": 3.0})
    terms = loss_terms(loss, estimate, sample)
    assert list(terms) == ["inner", "square"]
    torch.testing.assert_close(terms["inner"], 3 * inner(estimate, sample))
    torch.testing.assert_close(sum(terms.values()), loss(estimate, sample))


@pytest.mark.parametrize("loss", [nn.MSELoss(), ImageRMSE(), SSIM()])
def test_any_other_loss_is_one_term_of_the_true_image(loss, sample, estimate):
    terms = loss_terms(loss, estimate, sample)
    assert list(terms) == [type(loss).__name__]
    torch.testing.assert_close(terms.popitem()[1], loss(estimate, sample.concentration))


def test_a_loss_of_the_scan_is_one_term_too(sample, estimate):
    terms = loss_terms(SignalPower(), estimate, sample)
    assert list(terms) == ["SignalPower"]
    torch.testing.assert_close(terms["SignalPower"], SignalPower()(estimate, sample))


def test_weights_scale_the_gradient_and_a_weight_of_zero_leaves_none(sample, estimate):
    estimate = estimate.requires_grad_()
    loss = WeightedSum({"rmse": ImageRMSE(), "ssim": SSIM()}, weights={"rmse": 0.5, "ssim": 0.0})
    (gradient,) = torch.autograd.grad(loss(estimate, sample), estimate)
    (expected,) = torch.autograd.grad(ImageRMSE()(estimate, sample.concentration), estimate)
    torch.testing.assert_close(gradient, 0.5 * expected)


def test_a_loss_that_learns_is_trained_and_saved_with_the_sum(sample, estimate):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, estimate, truth):
            return self.scale * (estimate - truth).abs().mean()

    loss = WeightedSum({"scaled": Scaled()})
    loss(estimate, sample).backward()
    assert loss.terms["scaled"].scale.grad > 0
    assert list(loss.state_dict()) == ["terms.scaled.scale"]


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_out_of_its_range_is_refused(weight):
    sentence = r"^WeightedSum\.weights gives square .*: it must be finite and not negative"
    with pytest.raises(InputError, match=sentence):
        WeightedSum({"square": nn.MSELoss()}, weights={"square": weight})


def test_a_weight_of_no_term_is_refused():
    sentence = r"^WeightedSum\.weights names edges, which is no term: the terms are square, rmse"
    with pytest.raises(InputError, match=sentence):
        WeightedSum({"square": nn.MSELoss(), "rmse": ImageRMSE()}, weights={"edges": 1.0})


def test_no_terms_are_refused():
    with pytest.raises(InputError, match=r"^WeightedSum\.terms is empty: name at least one loss"):
        WeightedSum({})


@pytest.mark.parametrize("name", ["a.b", "items", ""])
def test_a_name_that_no_module_can_have_is_refused(name):
    with pytest.raises(InputError, match=r"^WeightedSum\.terms can't have these names"):
        WeightedSum({name: nn.MSELoss()})


def test_a_loss_of_every_pixel_is_refused(sample, estimate):
    with pytest.raises(InputError, match=r"^MSELoss returns values of shape \[4, 1, 32, 32\], not"):
        loss_terms(nn.MSELoss(reduction="none"), estimate, sample)
