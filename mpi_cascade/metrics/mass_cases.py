"""Statistics of how much of the tracer is recovered.

Must not know what made the images.
"""

from abc import ABC

import numpy as np
import torch
from torch import Tensor

from mpi_cascade.metrics.cases import CaseMetric, Rows
from mpi_cascade.metrics.functional import tracer_mass
from mpi_cascade.scans.simulated import Sample


class TracerMass(CaseMetric, ABC):
    """A statistic of the true and the recovered tracer of every image.

    Args:
        field_of_view_m: Size (y, x) of the images in m.
    """

    num_columns = 2

    def __init__(self, field_of_view_m: tuple[float, float]) -> None:
        super().__init__()
        self.field_of_view_m = field_of_view_m

    def measure(self, estimate: Tensor, sample: Sample) -> Tensor:
        """Returns the true and the recovered tracer in m² of each image, (batch, 2)."""
        images = (sample.concentration, estimate)
        return torch.stack([tracer_mass(image, self.field_of_view_m) for image in images], dim=1)


class MassBias(TracerMass):
    """Σ(m̂ − m)/Σm over images of tracer m, recovered as m̂: 0 is best, negative loses tracer.

    Relative to all tracer, not image by image, so that nearly empty images don't rule it.
    """

    higher_is_better = None

    def statistic(self, rows: Rows) -> float:
        """Returns the bias; NaN where there is no tracer at all."""
        true, recovered = rows.T
        total = true.sum()
        return float((recovered.sum() - total) / total) if total > 0 else float("nan")


class MassR2(TracerMass):
    """R² = 1 − Σ(m̂ − m)²/Σ(m − m̄)² over images of tracer m, recovered as m̂; negative if bad."""

    higher_is_better = True

    def statistic(self, rows: Rows) -> float:
        """Returns R²; NaN where all images hold the same tracer."""
        true, recovered = rows.T
        if true.min() == true.max():
            return float("nan")
        return float(1 - np.square(recovered - true).sum() / np.square(true - true.mean()).sum())
