"""What holds for every cascade, whatever its stages."""

import numpy as np
import pytest
import torch
from parts import FIRST_STAGES, SECOND_STAGES
from steps import MODEL
from torch import nn

from mpi_cascade.models.cascade import Cascade

SECOND = SECOND_STAGES | {"none": nn.Identity}


def made(first, second, **options):
    """A cascade whose weights are far from those of a start: no part of it is idle."""
    torch.manual_seed(0)
    cascade = Cascade(FIRST_STAGES[first](), SECOND[second](), **options)
    cascade.use(MODEL)
    with torch.no_grad():
        for weights in cascade.parameters():
            weights.add_(0.1 * torch.randn_like(weights))
    return cascade.eval()


def signals(num=3):
    return torch.randn(num, *MODEL.signal_shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("factor", [1e-6, 0.1, 3.0, 1e6])
@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("first", FIRST_STAGES)
@torch.no_grad()
def test_images_scale_with_the_signal(first, second, factor):
    cascade, signal = made(first, second), signals()
    for scaled, image in zip(cascade(factor * signal), cascade(signal), strict=True):
        largest = image.abs().max()
        assert largest > 0
        torch.testing.assert_close(scaled / factor, image, rtol=0, atol=1e-5 * largest.item())


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("first", FIRST_STAGES)
@torch.no_grad()
def test_an_empty_scan_has_empty_images_whatever_else_is_in_its_batch(first, second):
    cascade, signal = made(first, second), signals()
    signal[1] = 0
    for image in cascade(signal):
        assert torch.equal(image[1], torch.zeros_like(image[1]))
        assert image.isfinite().all() and image[0].abs().max() > 0


@torch.no_grad()
def test_who_knows_the_concentrations_may_have_absolute_ones():
    cascade, signal = made("Tikhonov", "U-Net", is_equivariant=False), signals()
    expected = cascade.refinement(cascade.preliminary(signal))
    torch.testing.assert_close(cascade(signal).final, expected)
    assert not np.allclose(cascade(0.1 * signal).final, 0.1 * expected, rtol=1e-3)


def test_the_empty_scan_spoils_no_gradient():
    cascade, signal = made("spectral", "U-Net"), signals()
    signal[1] = 0
    cascade(signal).final.square().sum().backward()
    gradients = [weights.grad for weights in cascade.parameters() if weights.grad is not None]
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)
