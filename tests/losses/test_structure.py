import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, minimum_filter
from scipy.ndimage import maximum_filter as largest_filter
from skimage.measure import block_reduce
from skimage.metrics import structural_similarity

from mpi_cascade.checks import InputError
from mpi_cascade.losses import SSIM, Gradient, MultiScaleSSIM, TotalVariation, Uniformity


def arrays(images):
    return [image[:, 0].double().numpy() for image in images]


def test_ssim_agrees_with_scikit_image_in_every_window_within_the_image(images):
    expected = [
        structural_similarity(
            truth, estimate, data_range=1,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True,
        )[1][5:-5, 5:-5].mean()
        for estimate, truth in zip(*arrays(images), strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(SSIM()(*images), 1 - np.mean(expected), rtol=1e-5)


def reference_ms_ssim(estimate, truth):
    product = 1.0
    for scale, exponent in enumerate([0.3, 0.4, 0.3]):
        if scale:
            estimate, truth = (block_reduce(a, (2, 2), np.mean) for a in (estimate, truth))

        def smooth(image):
            return gaussian_filter(image, 1.0, truncate=3.0)[3:-3, 3:-3]

        mean_e, mean_t = smooth(estimate), smooth(truth)
        var_e, var_t = smooth(estimate**2) - mean_e**2, smooth(truth**2) - mean_t**2
        covariance = smooth(estimate * truth) - mean_e * mean_t
        similarity = (2 * covariance + 0.03**2) / (var_e + var_t + 0.03**2)
        if scale == 2:
            similarity *= (2 * mean_e * mean_t + 0.01**2) / (mean_e**2 + mean_t**2 + 0.01**2)
        product *= similarity.mean() ** exponent
    return product


def test_ms_ssim_agrees_with_scipy(images):
    expected = [reference_ms_ssim(*pair) for pair in zip(*arrays(images), strict=True)]
    np.testing.assert_allclose(MultiScaleSSIM()(*images), 1 - np.mean(expected), rtol=1e-5)


def test_ms_ssim_of_the_opposite_image_is_the_largest_and_has_a_finite_gradient():
    truth = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    estimate = (1 - truth).requires_grad_()
    loss = MultiScaleSSIM()(estimate, truth)
    loss.backward()
    assert 0.98 < loss < 1
    assert estimate.grad.isfinite().all()


@pytest.mark.parametrize(("loss", "smallest"), [(SSIM(), 11), (MultiScaleSSIM(), 28)])
def test_an_image_smaller_than_the_windows_is_refused(loss, smallest):
    image = torch.rand(1, 1, smallest, smallest)
    assert loss(image, image).isfinite()
    sentence = (
        rf"^{type(loss).__name__} needs images of at least {smallest} × {smallest} pixels, these "
        rf"have {smallest} × {smallest - 1}"
    )
    with pytest.raises(InputError, match=sentence):
        loss(image[..., 1:], image[..., 1:])


def test_gradient_is_the_mean_error_of_numpys_differences(images):
    total = 0.0
    for axis in (1, 2):
        difference = np.diff(arrays(images)[0], axis=axis) - np.diff(arrays(images)[1], axis=axis)
        total += np.abs(difference).sum()
    np.testing.assert_allclose(Gradient()(*images), total / (2 * images[0].numel()), rtol=1e-5)


def test_gradient_sees_an_edge_that_is_blurred_and_no_constant_error():
    truth = torch.zeros(1, 1, 16, 16)
    truth[..., 8:] = 1
    blurred = truth.clone()
    blurred[..., 7:9] = 0.5
    assert Gradient()(truth + 0.2, truth) < 1e-7
    # In each of 16 rows one step of 1 has become 1/2, 0, 1/2: errors of 1/2, 1, 1/2.
    torch.testing.assert_close(Gradient()(blurred, truth), torch.tensor(16 * 2 / (2 * 256)))


def test_total_variation_of_a_square_is_its_perimeter_with_the_corner_cut():
    image = torch.zeros(1, 1, 16, 16)
    image[..., 4:10, 4:10] = 0.5
    # The pixel at the far corner has both differences; each near side has one more pixel.
    perimeter = 4 * 6 - 2 + np.sqrt(2)
    loss = TotalVariation(smoothing=1e-7)(image, torch.rand_like(image))
    np.testing.assert_allclose(loss, 0.5 * perimeter / 256, rtol=1e-5)


def reference_uniformity(estimate, truth):
    smallest, largest = minimum_filter(truth, 3), largest_filter(truth, 3)
    inside = (smallest >= 0.9 * largest) & (largest > 0.01)
    return np.std((estimate - truth)[inside]) / truth[inside].mean()


def test_uniformity_is_numpys_standard_deviation_inside_the_objects(images):
    expected = [reference_uniformity(*pair) for pair in zip(*arrays(images), strict=True)]
    np.testing.assert_allclose(Uniformity(floor=1e-9)(*images), np.mean(expected), rtol=1e-5)


def test_uniformity_sees_no_constant_error_and_nothing_outside(images):
    _, truth = images
    estimate = torch.where(truth > 0, truth + 0.3, 7.0)
    torch.testing.assert_close(Uniformity()(estimate, truth), torch.zeros(()), rtol=0, atol=1e-6)


def test_uniformity_leaves_out_images_with_fewer_than_four_interior_pixels(images):
    estimate, truth = images
    expected = Uniformity()(estimate[:1], truth[:1])
    for size, is_counted in ((3, False), (4, True)):
        small = torch.zeros_like(truth[:1])
        # A square of size n has an interior of (n − 2)².
        small[..., 9 : 9 + size, 9 : 9 + size] = 1
        noisy = small + 0.2 * (torch.arange(36) % 2)
        together = Uniformity()(torch.cat((estimate[:1], noisy)), torch.cat((truth[:1], small)))
        alone = Uniformity()(noisy, small)
        torch.testing.assert_close(together, (expected + alone) / 2 if is_counted else expected)
        assert (alone > 0) == is_counted
