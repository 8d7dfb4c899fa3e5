import numpy as np
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from mpi_cascade.losses import Charbonnier, ImageRMSE, LogRMSE


def test_is_the_mean_over_images_of_scikit_images_root_mean_square_error():
    torch.manual_seed(0)
    truth, estimate = torch.rand(2, 5, 1, 16, 16)
    pairs = zip(truth.numpy(), estimate.numpy(), strict=True)
    expected = np.mean([np.sqrt(mean_squared_error(*pair)) for pair in pairs])
    np.testing.assert_allclose(ImageRMSE(floor=1e-9)(estimate, truth), expected, rtol=1e-6)


def test_the_logarithm_is_the_mean_psnr_of_scikit_image_but_for_constants():
    torch.manual_seed(0)
    truth = torch.rand(5, 1, 16, 16)
    estimate = truth + torch.logspace(-3, 0, 5)[:, None, None, None] * torch.rand(5, 1, 16, 16)
    pairs = zip(truth.numpy(), estimate.numpy(), strict=True)
    mean_db = np.mean([peak_signal_noise_ratio(*pair, data_range=1) for pair in pairs])
    floor = 1e-6
    in_db = 20 / np.log(10) * LogRMSE(floor=floor)(estimate, truth)
    np.testing.assert_allclose(in_db, -20 * np.log10(floor) - mean_db, rtol=1e-5)


def test_the_logarithm_gives_images_of_any_error_the_same_share_of_the_gradient():
    truth = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    pattern = torch.ones_like(truth)
    norms = []
    for loss in (LogRMSE(floor=1e-6), ImageRMSE(floor=1e-6)):
        estimate = truth + torch.tensor([0.01, 0.1])[:, None, None, None] * pattern
        estimate.requires_grad_()
        loss(estimate, truth).backward()
        # A change of 1 % of each image's own error.
        changes = estimate.grad * (estimate - truth).detach()
        norms.append(changes.sum(dim=(1, 2, 3)))
    torch.testing.assert_close(norms[0][0], norms[0][1], rtol=1e-3, atol=0)
    torch.testing.assert_close(10 * norms[1][0], norms[1][1], rtol=1e-3, atol=0)


def test_gives_a_small_object_more_of_the_gradient_than_the_mean_square_error_does():
    truth = torch.zeros(2, 1, 16, 16)
    truth[0, 0, 4:12, 4:12] = 1
    truth[1, 0, 7, 7] = 1
    shares = []
    for loss in (ImageRMSE(), torch.nn.MSELoss()):
        estimate = (0.5 * truth).requires_grad_()
        loss(estimate, truth).backward()
        norms = estimate.grad.flatten(1).norm(dim=1)
        shares.append((norms[1] / norms.sum()).item())
    assert shares[0] > 3 * shares[1]


def test_charbonnier_is_quadratic_below_epsilon_and_absolute_above(images):
    estimate, truth = images
    np.testing.assert_allclose(
        Charbonnier(epsilon=1e-6)(estimate, truth), (estimate - truth).abs().mean(), rtol=1e-4
    )
    np.testing.assert_allclose(
        Charbonnier(epsilon=100.0)(estimate.double(), truth.double()),
        (estimate - truth).square().mean() / 200,
        rtol=1e-4,
    )
