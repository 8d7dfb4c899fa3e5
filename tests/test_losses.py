import numpy as np
import torch
from skimage.metrics import mean_squared_error

from mpi_cascade.losses import ImageRMSE


def test_is_the_mean_over_images_of_scikit_images_root_mean_square_error():
    torch.manual_seed(0)
    truth, estimate = torch.rand(2, 5, 1, 16, 16)
    pairs = zip(truth.numpy(), estimate.numpy(), strict=True)
    expected = np.mean([np.sqrt(mean_squared_error(*pair)) for pair in pairs])
    np.testing.assert_allclose(ImageRMSE(floor=1e-9)(estimate, truth), expected, rtol=1e-6)


def test_is_zero_at_the_truth_with_a_finite_gradient():
    truth = torch.rand(3, 1, 8, 8)
    estimate = truth.clone().requires_grad_()
    loss = ImageRMSE()(estimate, truth)
    loss.backward()
    assert loss == 0
    assert torch.equal(estimate.grad, torch.zeros_like(truth))


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
