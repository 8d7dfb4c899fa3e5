"""What is shown of scans, whatever is known of them."""

import torch

from mpi_cascade.reconstruction.judging import Quality
from mpi_cascade.reconstruction.output import summary


def test_noise_that_a_scan_of_few_positions_does_not_tell_is_not_known():
    unknown = torch.full((2,), torch.nan)
    quality = Quality(torch.ones(2), unknown, torch.tensor([0.1, 0.3]), unknown)
    _, _, *lines = summary(quality, quality, [], [[], []]).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["peak", "1", "1", "1", "1 … 1"]
    assert cells[3] == ["residual", "0.1", "0.1", "0.3", "0.1 … 0.3"]
    for line, name in (
        (1, "noise"), (2, "peak SNR / dB"), (4, "residual / noise"),
        (5, "share that the scan determines"),
    ):  # fmt: skip
        assert cells[line][:4] == [name, "not known", "", ""]
