"""Fits of objects to signals."""

import torch

from mpi_cascade.evidence.fitting import fit
from mpi_cascade.evidence.objects import Pixels, TwoDiscs


def test_finds_discs_again_from_another_start():
    places = 1e-4 * (torch.arange(16) - 7.5)
    discs = TwoDiscs(Pixels(places, places, (1e-4, 1e-4)))
    truth = torch.tensor([[-3e-4, 1e-4, 4e-4, 1.0, 3e-4, -1e-4, 3e-4, 0.6]])
    blur = torch.exp(-0.5 * ((places[:, None] - places) / 1e-4).square())
    to_signal = 100 * torch.kron(blur, blur)
    signal = discs.draw(truth) @ to_signal
    start = truth + torch.tensor([5e-5, -5e-5, 1e-4, -0.3, 5e-5, 5e-5, -5e-5, 0.2])
    found = fit(discs, to_signal, signal, start, 30)
    # In the units of σ nothing is left, of a signal of a thousand of them.
    assert float(signal.norm()) > 1000 and float(found.misfit) < 1
    torch.testing.assert_close(found.numbers, truth, rtol=0.01, atol=2e-6)
