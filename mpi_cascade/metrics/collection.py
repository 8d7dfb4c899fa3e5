"""Means of the per-image metrics over a split, accumulated over batches and processes.

Must not know what made the images.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from mpi_cascade.data.simulated import Sample
from mpi_cascade.metrics.functional import RAYLEIGH_DIP, nrmse, pair_dip, psnr, ssim


class EvaluationMetrics(nn.Module):
    """Mean PSNR, SSIM and nRMSE over phantoms, mean dip and resolved fraction over point pairs.

    The names are ``psnr``, ``ssim``, ``nrmse``, ``dip@<gap>mm`` and ``resolved@<gap>mm``.

    Args:
        gaps_mm: Gaps of the two-point suite in mm.
        field_of_view_m: Size (y, x) of the images in m.
    """

    def __init__(self, gaps_mm: Sequence[float], field_of_view_m: tuple[float, float]) -> None:
        super().__init__()
        self.field_of_view_m = field_of_view_m
        self._images = {function: _mean() for function in (psnr, ssim, nrmse)}
        self._dips = {gap_mm: (_mean(), _mean()) for gap_mm in gaps_mm}

    def update(self, estimate: Tensor, sample: Sample) -> None:
        """Adds a batch of images (batch, 1, y, x) of the phantoms or pairs in ``sample``."""
        if sample.pairs is None:
            for function, mean in self._images.items():
                mean.to(estimate.device).update(function(estimate, sample.concentration))
            return
        dips = pair_dip(estimate, sample.pairs, self.field_of_view_m)
        for gap_mm, (dip, resolved) in self._dips.items():
            chosen = dips[torch.isclose(sample.pairs.gap_m, dips.new_tensor(1e-3 * gap_mm))]
            dip.to(dips.device).update(chosen)
            resolved.to(dips.device).update((chosen >= RAYLEIGH_DIP).float())

    def compute(self) -> dict[str, float]:
        """Returns the mean over all processes of every metric that was updated."""
        means = {function.__name__: mean for function, mean in self._images.items()}
        for gap_mm, (dip, resolved) in self._dips.items():
            means[f"dip@{gap_mm:g}mm"] = dip
            means[f"resolved@{gap_mm:g}mm"] = resolved
        return {name: mean.compute().item() for name, mean in means.items() if mean.update_called}

    def reset(self) -> None:
        """Forgets everything."""
        for mean in (*self._images.values(), *sum(self._dips.values(), ())):
            mean.reset()


def _mean() -> MeanMetric:
    return MeanMetric(nan_strategy="ignore")
