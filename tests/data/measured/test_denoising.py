import torch

from mpi_cascade.data.measured.denoising import denoised


def low_rank(num_rows, num_columns, values, generator):
    left = torch.linalg.qr(torch.randn(num_rows, len(values), generator=generator)).Q
    right = torch.linalg.qr(torch.randn(num_columns, len(values), generator=generator)).Q
    return left * torch.tensor(values) @ right.T


def test_shrinking_beats_dropping_modes_alone_and_the_right_number_of_them():
    """Against the truncated decomposition of SVD, even with the true rank."""
    generator = torch.Generator().manual_seed(0)
    truth = low_rank(900, 700, [200.0, 100.0, 70.0, 60.0], generator)
    noisy = truth + torch.randn(truth.shape, generator=generator)
    left, values, right = torch.linalg.svd(noisy, full_matrices=False)
    truncated = left[:, :4] * values[:4] @ right[:4]
    found = denoised(noisy, torch.ones(900))
    assert torch.linalg.matrix_rank(found, rtol=1e-4) == 4
    assert (found - truth).norm() < 0.97 * (truncated - truth).norm()
    assert (found - truth).norm() < 0.12 * (noisy - truth).norm()


def test_of_noise_alone_nothing_remains():
    noise = 3 * torch.randn(600, 400, generator=torch.Generator().manual_seed(1))
    assert denoised(noise, torch.full((600,), 3.3)).abs().max() == 0


def test_without_noise_nothing_changes():
    truth = low_rank(300, 700, [9.0, 4.0, 1.0], torch.Generator().manual_seed(2))
    found = denoised(truth, torch.full((300,), 1e-6))
    torch.testing.assert_close(found, truth, rtol=0, atol=1e-5)


def test_rows_of_unequal_noise_are_weighed():
    generator = torch.Generator().manual_seed(3)
    truth = low_rank(800, 700, [300.0, 200.0], generator)
    std = torch.ones(800)
    std[400:] = 5
    noisy = truth + std[:, None] * torch.randn(truth.shape, generator=generator)
    weighed, plain = denoised(noisy, std), denoised(noisy, torch.full((800,), 13.0**0.5))
    assert (weighed - truth).norm() < 0.8 * (plain - truth).norm()


def test_the_random_numbers_of_a_training_are_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    denoised(torch.eye(600), torch.ones(600))
    assert torch.equal(torch.rand(3), expected)
