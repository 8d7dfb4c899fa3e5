import pytest
import torch

from mpi_cascade.randomness import RandomStreams
from mpi_cascade.reconstruction.own_scans import OwnScans, noise_split, unseen_misfit


def test_the_noises_of_both_copies_are_independent_and_of_the_stated_size():
    """Of n numbers a sample covariance has the standard error σ₁σ₂/√n."""
    torch.manual_seed(0)
    noise = torch.tensor([0.1, 3.0])
    white = noise[:, None, None, None] * torch.randn(2, 1, 256, 256)
    clean = 7.0
    given, left = noise_split(clean + white, noise, RandomStreams(0, 0, torch.arange(2)))
    for number, sigma in enumerate(noise.tolist()):
        stacked = torch.stack((given[number].flatten() - clean, left[number].flatten() - clean))
        (own, both), (_, other) = torch.cov(stacked).tolist()
        assert own == pytest.approx(1.25 * sigma**2, rel=0.03)
        assert other == pytest.approx(5 * sigma**2, rel=0.03)
        assert abs(both) < 4 * (1.25 * 5) ** 0.5 * sigma**2 / 256


def test_the_misfit_is_the_error_of_the_clean_signal(trained):
    """Of a cascade that makes nothing, S c is 0: the misfit is the mean of (S c*)²/σ²."""
    experiment = trained.cascade.experiment
    truth = torch.zeros(64, 1, 16, 16)
    truth[:, :, 5:9, 4:11] = 1.0
    clean = experiment.forward_model(truth)
    torch.manual_seed(0)
    noise = torch.full((64,), 0.2 * float(clean.square().mean().sqrt()))
    scans = clean + noise[:, None, None, None] * torch.randn_like(clean)
    empty = trained.cascade._replace(cascade=lambda signal: Nothing())
    found = unseen_misfit(empty, OwnScans(torch.arange(64), scans, noise), 1)
    # Each of 16,384 squares has about the variance 2·5² + 4·5·25, so the mean ± 0.18.
    assert float(found) == pytest.approx(25.0, abs=0.8)


class Nothing:
    final = torch.zeros(64, 1, 16, 16)
