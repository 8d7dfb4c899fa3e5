"""What is shown of scans, whatever is known of them."""

import torch

from mpi_cascade.reconstruction.judging import Quality
from mpi_cascade.reconstruction.output import summary


def test_noise_that_a_scan_of_few_positions_does_not_tell_is_not_known():
    quality = Quality(torch.ones(2), torch.full((2,), torch.nan), torch.tensor([0.1, 0.3]))
    lines = summary(quality, quality, [], [[], []]).splitlines()[1:]
    assert lines[0].split() == ["peak", "of", "|u|", "1", "1", "1", "1", "…", "1"]
    assert lines[3].split() == ["residual", "0.1", "0.1", "0.3", "0.1", "…", "0.3"]
    for line, name in ((1, "noise"), (2, "peak SNR / dB"), (4, "residual / noise")):
        assert lines[line].split(maxsplit=len(name.split()))[-1] == "not known"
        assert lines[line].startswith(name)
