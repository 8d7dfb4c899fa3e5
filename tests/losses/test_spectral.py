import numpy as np
import pytest
import torch
from scipy import fft

from mpi_cascade.checks import InputError
from mpi_cascade.losses import FocalFrequency


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_agrees_with_scipy(images, alpha):
    expected = []
    for estimate, truth in zip(*(image[:, 0].double().numpy() for image in images), strict=True):
        distance = np.abs(fft.fft2(estimate, norm="ortho") - fft.fft2(truth, norm="ortho"))
        weight = distance**alpha / (distance**alpha).max()
        expected.append((weight * distance**2).mean())
    np.testing.assert_allclose(FocalFrequency(alpha)(*images), np.mean(expected), rtol=1e-5)


def test_without_focus_is_the_mean_square_error(images):
    torch.testing.assert_close(FocalFrequency(alpha=0)(*images), torch.nn.MSELoss()(*images))


def test_no_gradient_flows_through_the_weights(images):
    """Of an error of one frequency every weight is 1 or 0: the gradient is that of the square."""
    wave = torch.cos(2 * torch.pi * 5 * torch.arange(32) / 32).expand(1, 1, 32, 32).double()
    estimate = (0.3 * wave).requires_grad_()
    FocalFrequency()(estimate, torch.zeros_like(wave)).backward()
    torch.testing.assert_close(estimate.grad, 2 * 0.3 * wave / wave.numel())


def test_a_negative_exponent_is_refused():
    with pytest.raises(
        InputError, match=r"^FocalFrequency\.alpha is -1.0: it must not be negative"
    ):
        FocalFrequency(alpha=-1.0)
