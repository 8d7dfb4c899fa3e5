import torch
from mpi_cascade.metrics.collection import EvaluationMetrics

from mpi_cascade.metrics.functional import psnr
from mpi_cascade.phantoms.scenes import PairGeometry
from mpi_cascade.scans.simulated import Sample

FIELD_OF_VIEW_M = (6.4e-3, 6.4e-3)


def make_sample(num: int, pairs: PairGeometry | None = None) -> tuple[torch.Tensor, Sample]:
    torch.manual_seed(num)
    truth = torch.rand(num, 1, 16, 16)
    truth[0] = 0
    sample = Sample(torch.arange(num), torch.zeros(num, 1, 4, 4), truth, pairs)
    return truth + 0.1 * torch.randn_like(truth), sample


def split(sample: Sample, sizes: list[int]) -> list[Sample]:
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [
        Sample(*(column[a : a + n] for column in sample[:3]), pairs=None)
        for a, n in zip(starts, sizes, strict=True)
    ]


def test_the_mean_does_not_depend_on_how_the_batch_is_split():
    estimate, sample = make_sample(11)
    whole = EvaluationMetrics([0.3], FIELD_OF_VIEW_M)
    whole.update(estimate, sample)
    parts = EvaluationMetrics([0.3], FIELD_OF_VIEW_M)
    for part, piece in zip(estimate.split([1, 7, 3]), split(sample, [1, 7, 3]), strict=True):
        parts.update(part, piece)
    for name in ("psnr", "ssim", "nrmse", "ghost_energy", "mass_bias", "mass_r2"):
        torch.testing.assert_close(
            whole.compute()[name], parts.compute()[name], rtol=1e-5, atol=1e-7, equal_nan=True
        )


def test_empty_images_are_not_counted():
    estimate, sample = make_sample(6)
    metrics = EvaluationMetrics([], FIELD_OF_VIEW_M)
    metrics.update(estimate, sample)
    expected = psnr(estimate[1:], sample.concentration[1:]).mean().item()
    torch.testing.assert_close(metrics.compute()["psnr"], expected)


def test_dips_are_kept_apart_by_gap():
    gaps_mm = torch.tensor([0.1, 0.3, 0.3, 0.3])
    pairs = PairGeometry(
        centre_m=torch.zeros(4, 2),
        direction=torch.tensor([[1.0, 0.0]]).expand(4, 2),
        diameter_m=torch.full((4,), 0.4e-3),
        gap_m=1e-3 * gaps_mm,
    )
    estimate = torch.ones(4, 1, 64, 64)
    estimate[2, ..., 31:33] = 0
    sample = Sample(torch.arange(4), torch.zeros(4, 1, 4, 4), estimate, pairs)
    metrics = EvaluationMetrics([0.1, 0.3], FIELD_OF_VIEW_M)
    metrics.update(estimate, sample)
    values = metrics.compute()
    assert values["dip@0.1mm"] == 0
    torch.testing.assert_close(values["dip@0.3mm"], 1 / 3, rtol=1e-5, atol=0)
    torch.testing.assert_close(values["resolved@0.3mm"], 1 / 3, rtol=1e-5, atol=0)


def test_reset_forgets():
    estimate, sample = make_sample(3)
    metrics = EvaluationMetrics([], FIELD_OF_VIEW_M)
    metrics.update(estimate, sample)
    metrics.reset()
    metrics.update(sample.concentration, sample)
    assert metrics.compute()["nrmse"] == 0


def test_phantoms_and_pairs_have_their_own_names():
    estimate, sample = make_sample(5)
    metrics = EvaluationMetrics([0.1, 0.5], FIELD_OF_VIEW_M)
    assert metrics.compute() == {}
    metrics.update(estimate, sample)
    of_phantoms = {
        "psnr", "ssim", "nrmse", "non_uniformity", "ghost_energy", "mass_bias", "mass_r2"
    }  # fmt: skip
    assert set(metrics.compute()) == of_phantoms
    metrics.reset()
    pairs = PairGeometry(
        centre_m=torch.zeros(4, 2),
        direction=torch.tensor([[1.0, 0.0]]).expand(4, 2),
        diameter_m=torch.full((4,), 0.4e-3),
        gap_m=1e-3 * torch.tensor([0.1, 0.1, 0.5, 0.5]),
    )
    estimate = torch.ones(4, 1, 64, 64)
    estimate[2:, ..., 31:33] = 0
    sample = Sample(torch.arange(4), torch.zeros(4, 1, 4, 4), estimate, pairs)
    metrics.update(estimate, sample)
    values = metrics.compute()
    assert set(values) == {
        "dip@0.1mm", "resolved@0.1mm", "dip@0.5mm", "resolved@0.5mm", "resolvable_gap_mm"
    }  # fmt: skip
    torch.testing.assert_close(values["resolvable_gap_mm"], 0.5, rtol=1e-5, atol=0)


def test_quality_inside_and_outside_and_the_mass_of_a_scaled_box():
    truth = torch.zeros(2, 1, 24, 24)
    truth[0, 0, 4:14, 4:14] = 1
    truth[1, 0, 4:18, 4:18] = 0.5
    sample = Sample(torch.arange(2), torch.zeros(2, 1, 4, 4), truth, None)
    metrics = EvaluationMetrics([], FIELD_OF_VIEW_M)
    metrics.update(0.9 * truth, sample)
    values = metrics.compute()
    torch.testing.assert_close(values["non_uniformity"], 0.0, rtol=0, atol=1e-6)
    torch.testing.assert_close(values["ghost_energy"], 0.0, rtol=0, atol=1e-6)
    torch.testing.assert_close(values["mass_bias"], -0.1, rtol=1e-5, atol=0)
