"""The metrics of every validation and test, bundled by name.

Must not know what made the images.
"""

import itertools
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from mpi_cascade.metrics.cases import CaseMetric, ImageMean
from mpi_cascade.metrics.functional import ghost_energy, non_uniformity, nrmse, psnr, ssim
from mpi_cascade.metrics.mass_cases import MassBias, MassR2
from mpi_cascade.metrics.pair_cases import MeanDip, ResolvableGap, ResolvedFraction
from mpi_cascade.scans.simulated import Sample


def phantom_metrics(field_of_view_m: tuple[float, float]) -> dict[str, CaseMetric]:
    """Returns what is measured on random phantoms, by name, PSNR in dB first.

    Args:
        field_of_view_m: Size (y, x) of the images in m.
    """
    return {
        "psnr": ImageMean(psnr, higher_is_better=True),
        "ssim": ImageMean(ssim, higher_is_better=True),
        "nrmse": ImageMean(nrmse, higher_is_better=False),
        "non_uniformity": ImageMean(non_uniformity, higher_is_better=False),
        "ghost_energy": ImageMean(ghost_energy, higher_is_better=False),
        "mass_bias": MassBias(field_of_view_m),
        "mass_r2": MassR2(field_of_view_m),
    }


class EvaluationMetrics(nn.Module):
    """Image quality over phantoms, resolution over point pairs.

    The names are ``psnr``, ``ssim``, ``nrmse``, ``non_uniformity``, ``ghost_energy``,
    ``mass_bias`` and ``mass_r2`` of phantoms; ``dip@<gap>mm``, ``resolved@<gap>mm`` and
    ``resolvable_gap_mm`` of pairs.

    Args:
        gaps_mm: Gaps of the two-point suite in mm.
        field_of_view_m: Size (y, x) of the images in m.
    """

    def __init__(self, gaps_mm: Sequence[float], field_of_view_m: tuple[float, float]) -> None:
        super().__init__()
        self._of_phantoms = phantom_metrics(field_of_view_m)
        self._of_gaps: dict[float, dict[str, CaseMetric]] = {
            gap_mm: {
                f"dip@{gap_mm:g}mm": MeanDip(field_of_view_m),
                f"resolved@{gap_mm:g}mm": ResolvedFraction(field_of_view_m),
            }
            for gap_mm in gaps_mm
        }
        self._resolvable_gap = ResolvableGap(field_of_view_m)

    @property
    def names(self) -> list[str]:
        """The name of every metric, as ``compute`` gives it."""
        return [*self._of_phantoms, *itertools.chain(*self._of_gaps.values()), "resolvable_gap_mm"]

    def update(self, estimate: Tensor, sample: Sample) -> None:
        """Adds a batch of images (batch, 1, y, x) of the phantoms or pairs in ``sample``."""
        if sample.pairs is None:
            _update(self._of_phantoms.values(), estimate, sample)
            return
        _update([self._resolvable_gap], estimate, sample)
        gap_mm = 1e3 * sample.pairs.gap_m
        for named_gap_mm, metrics in self._of_gaps.items():
            chosen = torch.isclose(gap_mm, gap_mm.new_tensor(named_gap_mm))
            # Without a case too: every process must gather the same metrics in the end.
            _update(metrics.values(), estimate[chosen], _cases(sample, chosen))

    def compute(self) -> dict[str, float]:
        """Returns, over all processes, every metric that was updated; NaN where undefined."""
        values = {
            name: metric.compute().item()
            for name, metric in self._by_name().items()
            if metric.update_called
        }
        if "resolvable_gap_m" in values:
            values["resolvable_gap_mm"] = 1e3 * values.pop("resolvable_gap_m")
        return values

    def reset(self) -> None:
        """Forgets everything."""
        for metric in self._by_name().values():
            metric.reset()

    def _by_name(self) -> dict[str, CaseMetric]:
        of_gaps = {name: m for metrics in self._of_gaps.values() for name, m in metrics.items()}
        return {**self._of_phantoms, **of_gaps, "resolvable_gap_m": self._resolvable_gap}


def _update(metrics: Iterable[CaseMetric], estimate: Tensor, sample: Sample) -> None:
    for metric in metrics:
        metric.to(estimate.device).update(estimate, sample)


def _cases(sample: Sample, chosen: Tensor) -> Sample:
    """Returns the chosen cases of a batch of pairs."""
    assert sample.pairs is not None
    return Sample(
        indices=sample.indices[chosen],
        signal=sample.signal[chosen],
        concentration=sample.concentration[chosen],
        pairs=sample.pairs.cases(chosen),
    )
