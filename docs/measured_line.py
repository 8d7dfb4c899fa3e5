"""Draws ``own-scanner-measured.png``: a phantom that a real scanner has measured, along a line.

    python docs/measured_line.py FOLDER SCANNER_YAML

FOLDER has ``phantom_line.h5`` of own-scanner.md, SCANNER_YAML is what ``calibrate`` made of
``delta_sample_3lines.h5``. The phantom's rows state no positions: steps of 10 mm along y are
assumed, as in the calibration, and that x is where the FFP is.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from mpi_cascade.configurations import read_receive_chain
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.scanner import cell_centres
from mpi_cascade.reconstruction.scans import open_scans
from mpi_cascade.scans.scanner_models import ScannerModels
from mpi_cascade.solvers.tikhonov import Tikhonov

PATH = Path(__file__).with_name("own-scanner-measured.png")

NUM_POSITIONS, STEP_M, NUM_PIXELS = 9, 10e-3, 18
_WIDTH_M = 20e-3
"""Of the line's pixels; all their tracer is taken to lie at the FFP's x."""


class Line(NamedTuple):
    """A phantom's line.

    Attributes:
        signal: The third harmonic, (positions,).
        explained: The same of the image.
        image: Tracer in samples per mm along y, (pixels,).
        fifth: The fifth harmonic, which the image was not made from, (positions,).
        expected_fifth: The same of the image.
    """

    signal: Tensor
    explained: Tensor
    image: Tensor
    fifth: Tensor
    expected_fifth: Tensor


def reconstruct_line(path: Path, chain: ReceiveChain) -> Line:
    """Returns the phantom's line, by Tikhonov's method.

    Args:
        path: ``phantom_line.h5``.
        chain: The calibrated receive chain.
    """
    lines = []
    for harmonic in (3, 5):
        scanner = replace(
            chain.scanner, num_ffp_x=1, num_ffp_y=NUM_POSITIONS, harmonics=(harmonic,),
            field_of_view_x_m=_WIDTH_M, field_of_view_y_m=NUM_POSITIONS * STEP_M,
        )  # fmt: skip
        models = ScannerModels(scanner)
        with open_scans(path, "matrix", models, chain) as scans:
            (signal,) = scans.batches(1)
        lines.append((models.believed((NUM_PIXELS, 1)), signal))
    (third, signal), (fifth, signal_of_fifth) = lines
    image = Tikhonov(third, relative_regularisation=1e-2)(signal)
    per_mm = chain.concentration * 1e3 * _WIDTH_M * image
    parts = (signal, third(image), per_mm, signal_of_fifth, fifth(image))
    return Line(*(part.flatten() for part in parts))


def figure(line: Line, chain: ReceiveChain) -> Figure:
    """Returns signals and image along y."""
    drawn = Figure(figsize=(8.5, 3.2), layout="constrained")
    axes = drawn.subplots(1, 3, sharex=True)
    length_m = NUM_POSITIONS * STEP_M
    y_mm = 1e3 * cell_centres(NUM_POSITIONS, length_m)
    pixels_mm = 1e3 * cell_centres(NUM_PIXELS, length_m)
    for axis, title, measured, explained in (
        (axes[0], "3rd harmonic, reconstructed", line.signal, line.explained),
        (axes[1], "5th harmonic, only predicted", line.fifth, line.expected_fifth),
    ):
        axis.plot(y_mm, measured, "o", label="measured")
        axis.plot(y_mm, explained, label="of the image")
        axis.set(title=title, xlabel="y / mm", ylabel="signal / a.u.")
        axis.axhline(0, color="0.7", linewidth=0.8)
        axis.legend(fontsize="small", loc="upper right")
    relative_std = chain.gain_relative_std[chain.harmonics.index(3)]
    axes[2].step(pixels_mm, line.image, where="mid")
    axes[2].set(
        title=f"image (scale ± {100 * relative_std:.0f} %)", xlabel="y / mm",
        ylabel="tracer / (delta samples/mm)",
    )  # fmt: skip
    axes[2].axhline(0, color="0.7", linewidth=0.8)
    return drawn


if __name__ == "__main__":
    calibrated = read_receive_chain(sys.argv[2])
    found = reconstruct_line(Path(sys.argv[1]) / "phantom_line.h5", calibrated)
    figure(found, calibrated).savefig(PATH, dpi=110)
    amount = float(found.image.sum()) * 1e3 * STEP_M * NUM_POSITIONS / NUM_PIXELS
    factor = found.fifth @ found.expected_fifth / found.expected_fifth.square().sum()
    alike = torch.corrcoef(torch.stack((found.fifth, found.expected_fifth)))[0, 1]
    sys.stdout.write(
        f"{PATH}: {amount:.2f} samples; of the fifth harmonic {factor:.2f} of what the image "
        f"predicts is there, correlation {alike:.3f}\n"
    )
