"""The pinball loss, whose minimum is the quantile."""

import numpy as np
import torch

from mpi_cascade.losses.quantiles import pinball


def test_the_best_constants_are_the_quantiles():
    truth = torch.rand(1, 1, 101, 101, generator=torch.Generator().manual_seed(0)).square()
    constants = torch.linspace(0, 1, 1001)

    def best(which):
        losses = []
        for constant in constants:
            end = torch.full_like(truth, constant)
            ends = (end, truth) if which == 0 else (truth, end)
            losses.append(pinball(ends, truth))
        return constants[torch.stack(losses).argmin()].item()

    expected = np.quantile(truth.numpy(), [0.05, 0.95])
    np.testing.assert_allclose([best(0), best(1)], expected, atol=1e-3)


def test_it_is_the_weighted_absolute_error():
    truth = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
    ends = truth - 0.5, truth + 0.25
    torch.testing.assert_close(pinball(ends, truth), torch.tensor(0.05 * 0.5 + 0.05 * 0.25))
