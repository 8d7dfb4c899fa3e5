"""What every loss of an image and its truth has in common."""

import pytest
import torch
from parts import LOSSES

from mpi_cascade.checks import InputError
from mpi_cascade.losses import (
    Charbonnier,
    DataConsistency,
    FocalFrequency,
    ImageRMSE,
    LogRMSE,
    TotalVariation,
    Uniformity,
)

each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def those(names):
    return pytest.mark.parametrize("loss", [LOSSES[name] for name in names], ids=names)


def value_and_gradient(loss, estimate, truth):
    estimate = estimate.clone().requires_grad_()
    value = loss(estimate, truth)
    value.backward()
    return value.detach(), estimate.grad


@each_loss
def test_is_a_positive_number_off_the_truth(loss, images):
    value, gradient = value_and_gradient(loss, *images)
    assert value.shape == ()
    assert value > 0
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


@each_loss
def test_is_zero_and_flat_at_the_truth(loss, images):
    _, truth = images
    if isinstance(loss, TotalVariation):
        truth = torch.full_like(truth, 0.3)
    value, gradient = value_and_gradient(loss, truth, truth)
    torch.testing.assert_close(value, torch.zeros(()), rtol=0, atol=1e-6)
    torch.testing.assert_close(gradient, torch.zeros_like(truth), rtol=0, atol=1e-6)


@pytest.mark.parametrize("truth_level", [0.0, 1.0])
@pytest.mark.parametrize("estimate_level", [0.0, -0.5, 1.0])
@each_loss
def test_has_a_finite_gradient_for_empty_and_constant_images(loss, estimate_level, truth_level):
    truth = torch.full((2, 1, 32, 32), truth_level)
    value, gradient = value_and_gradient(loss, torch.full_like(truth, estimate_level), truth)
    assert value.isfinite()
    assert gradient.isfinite().all()


@each_loss
def test_has_the_gradient_of_its_differences(loss, images):
    estimate, truth = (image[:2, :, :28, :28].double() for image in images)
    if isinstance(loss, FocalFrequency):
        # No gradient flows through its weights, so only that of constant ones can be checked.
        loss = FocalFrequency(alpha=0)
    assert torch.autograd.gradcheck(
        lambda image: loss(image, truth), estimate.requires_grad_(), fast_mode=True
    )


@each_loss
def test_mixed_precision_does_not_change_it(loss, images):
    estimate, truth = images
    estimate = estimate.bfloat16()
    expected = loss(estimate.float(), truth)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value, gradient = value_and_gradient(loss, estimate, truth)
    torch.testing.assert_close(value.float(), expected, rtol=5e-3, atol=1e-4)
    assert gradient.isfinite().all()


@those([name for name in LOSSES if name != "Uniformity"])
def test_is_the_mean_over_the_images(loss, images):
    """Whichever images share a batch; Uniformity leaves out those without an interior."""
    single = [loss(*pair) for pair in zip(*(image.split(1) for image in images), strict=True)]
    torch.testing.assert_close(loss(*images), torch.stack(single).mean(), rtol=1e-5, atol=1e-7)


@those(["ImageRMSE", "LogRMSE", "Charbonnier", "Gradient", "TotalVariation", "Uniformity"])
def test_serves_a_line_scan_too(loss):
    truth = torch.zeros(2, 1, 1, 32)
    truth[..., 8:20] = 1
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    value, gradient = value_and_gradient(loss, truth + 0.1 * noise, truth)
    assert value > 0
    assert gradient.isfinite().all()


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ImageRMSE, "floor"), (LogRMSE, "floor"), (Uniformity, "floor"),
        (DataConsistency, "floor"), (Charbonnier, "epsilon"), (TotalVariation, "smoothing"),
    ],
)  # fmt: skip
def test_a_floor_that_is_not_positive_is_refused(kind, name, value):
    sentence = rf"^{kind.__name__}\.{name} is .*: it must be greater than 0"
    with pytest.raises(InputError, match=sentence):
        kind(**{name: value})
