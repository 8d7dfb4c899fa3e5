"""The public measurement of MPIMeasurements.jl: as far as it reaches, and no further."""

import json

import command_line
import numpy as np
import pytest
import torch
from measured_line import figure, reconstruct_line
from public_data import measured

from mpi_cascade.configurations import read_receive_chain

ROWS = ("--x-mm", -40, 40, 9, "--y-mm", -21.2, -1.2, 3, "--drive-mt", 5, "--drive-khz", 25.7)


@pytest.mark.slow
def test_the_lines_are_calibrated_and_the_phantoms_line_reconstructed(tmp_path):
    lines, phantom = measured("delta_sample_3lines.h5"), measured("phantom_line.h5")
    directory = tmp_path / "calibrated"
    shown = command_line.succeed("calibrate", lines, *ROWS, "--output", directory)
    # What can't be known is said: the sample's size, and so any concentration.
    assert "the data don't determine the sample's size" in shown
    chain = read_receive_chain(directory / "scanner.yaml")
    assert (chain.unit, chain.concentration_unit) == ("counts", "samples/mm²")
    assert max(chain.gain_relative_std) < 0.25
    line = reconstruct_line(phantom, chain)
    figure(line, chain).draw_without_rendering()
    # The image explains the harmonic that it was made from: two maxima, 30 to 45 mm apart.
    misfit = torch.linalg.norm(line.signal - line.explained) / torch.linalg.norm(line.signal)
    assert misfit < 0.05
    image = line.image.numpy()
    peaks = np.flatnonzero((image[1:-1] > image[:-2]) & (image[1:-1] > image[2:])) + 1
    highest = sorted(sorted(peaks, key=lambda peak: -image[peak])[:2])
    assert 30 <= 5 * (highest[1] - highest[0]) <= 45
    # Of the fifth harmonic it predicts the course, and twice of what is there.
    alike = torch.corrcoef(torch.stack((line.fifth, line.expected_fifth)))[0, 1]
    assert alike > 0.95
    factor = line.fifth @ line.expected_fifth / line.expected_fifth.square().sum()
    assert 0.4 < factor < 0.65


def test_a_file_with_next_to_no_signal_is_no_scanner(tmp_path):
    file, directory = measured("hardware_v2.0.mdf"), tmp_path / "calibrated"
    ended = command_line.call("calibrate", file, "--output", directory)
    assert ended.status == 1
    assert "train with" not in ended.output
    assert "error: " in ended.errors
    assert "below the noise are the harmonics 2 (" in ended.errors
    assert "the data don't determine the gradient along x (" in ended.errors
    assert {path.name for path in directory.iterdir()} == {"calibration.json", "calibration.png"}
    assert len(json.loads((directory / "calibration.json").read_text())["reasons_against"]) == 2
