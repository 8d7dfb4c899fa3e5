import copy
import math
import pickle
from functools import partial

import measured
import numpy as np
import pytest
import torch
from measured import FIELD_OF_VIEW_M, make_sample, split_or_not
from mpi_cascade.metrics.cases import CaseMean, ImageMean
from mpi_cascade.metrics.mass_cases import MassBias, MassR2
from mpi_cascade.metrics.pair_cases import (
    FalseSplitRate,
    MeanDip,
    MeanLocalisationError,
    MeanWidth,
    ResolvableGap,
    ResolvedFraction,
)
from torch import multiprocessing

from mpi_cascade.metrics.functional import nrmse, psnr
from mpi_cascade.metrics.resolution import full_width_half_maximum, localisation_error, pair_dip
from mpi_cascade.phantoms.scenes import PairGeometry
from mpi_cascade.scans.simulated import Sample


def part(sample: Sample, chosen: slice) -> Sample:
    pairs = sample.pairs and PairGeometry(*(column[chosen] for column in sample.pairs))
    return Sample(*(column[chosen] for column in sample[:3]), pairs=pairs)


def phantoms(num: int = 12) -> tuple[torch.Tensor, Sample]:
    torch.manual_seed(num)
    truth = torch.rand(num, 1, 16, 16) * torch.rand(num, 1, 1, 1)
    truth[0] = 0
    return truth + 0.1 * torch.randn_like(truth), make_sample(truth)


PHANTOMS = phantoms()
PAIRS = split_or_not([False, True, True, True] * 3, [0.1, 0.3] * 6)

each_metric = pytest.mark.parametrize(
    ("make", "cases"),
    [
        pytest.param(partial(ImageMean, psnr, True), PHANTOMS, id="ImageMean"),
        pytest.param(partial(MassBias, FIELD_OF_VIEW_M), PHANTOMS, id="MassBias"),
        pytest.param(partial(MassR2, FIELD_OF_VIEW_M), PHANTOMS, id="MassR2"),
        pytest.param(partial(MeanDip, FIELD_OF_VIEW_M), PAIRS, id="MeanDip"),
        pytest.param(partial(ResolvedFraction, FIELD_OF_VIEW_M), PAIRS, id="ResolvedFraction"),
        pytest.param(partial(FalseSplitRate, FIELD_OF_VIEW_M), PAIRS, id="FalseSplitRate"),
        pytest.param(partial(ResolvableGap, FIELD_OF_VIEW_M), PAIRS, id="ResolvableGap"),
    ],
)


@each_metric
def test_results_do_not_depend_on_batches_or_their_order(make, cases):
    estimate, sample = cases
    whole, parts = make(), make()
    whole.update(estimate, sample)
    for chosen in (slice(5, 12), slice(5, 5), slice(0, 1), slice(1, 5)):
        parts.update(estimate[chosen], part(sample, chosen))
    torch.testing.assert_close(parts.compute(), whole.compute(), rtol=1e-5, atol=1e-7)
    assert parts.interval() == pytest.approx(whole.interval(), rel=1e-5, abs=1e-7, nan_ok=True)


@each_metric
@pytest.mark.parametrize("sizes", [(7, 5), (0, 12)])
def test_results_do_not_depend_on_processes(make, cases, sizes):
    """As torchmetrics gathers, with the other process's part put in by hand."""
    estimate, sample = cases
    first, second = slice(0, sizes[0]), slice(sizes[0], None)
    whole, one, two = make(), make(), make()
    whole.update(estimate, sample)
    if sizes[0]:
        one.update(estimate[first], part(sample, first))
    two.update(estimate[second], part(sample, second))
    theirs = torch.cat(two.rows)
    one.distributed_available_fn = lambda: True
    one.dist_sync_fn = lambda ours, group: [ours, theirs]
    torch.testing.assert_close(one.compute(), whole.compute(), rtol=1e-5, atol=1e-7)
    with one.sync_context(dist_sync_fn=one.dist_sync_fn, distributed_available=lambda: True):
        assert one._defined_rows() == pytest.approx(whole._defined_rows())
    assert len(one.rows) == (1 if sizes[0] else 0)


@pytest.mark.slow
def test_two_processes_agree_with_one(tmp_path):
    metric = CaseMean(measured.first_pixel, higher_is_better=True)
    metric.update(*measured.ramp())
    with multiprocessing.Manager() as manager:
        results = manager.dict()
        multiprocessing.spawn(measured.measure_a_part, (str(tmp_path / "store"), results), nprocs=2)
        for mean, interval, gap_m in (results[0], results[1]):
            assert mean == metric.compute().item() == 4
            assert interval == metric.interval()
            assert gap_m == pytest.approx(0.3e-3)


@each_metric
def test_no_cases_are_nan_without_a_warning_and_reset_forgets(make, cases):
    metric = make()
    estimate, sample = cases
    assert metric.compute().isnan()
    assert np.isnan(metric.interval()).all()
    metric.update(estimate[:0], part(sample, slice(0, 0)))
    assert metric.compute().isnan()
    metric.update(estimate, sample)
    assert metric.compute().isfinite()
    metric.reset()
    assert metric.compute().isnan()
    metric.update(estimate[1:4], part(sample, slice(1, 4)))
    assert len(torch.cat(metric.rows)) == 3 * metric.num_columns


@each_metric
def test_copies_and_pickles_keep_the_cases(make, cases):
    metric = make()
    metric.update(*cases)
    for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        assert other.compute() == metric.compute()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@each_metric
def test_moves_between_devices(make, cases):
    metric, expected = make(), make()
    estimate, sample = cases
    expected.update(estimate, sample)
    for device, chosen in (("cpu", slice(0, 4)), ("cuda", slice(4, 9)), ("cpu", slice(9, 12))):
        some = part(sample, chosen)
        pairs = some.pairs and PairGeometry(*(column.to(device) for column in some.pairs))
        some = Sample(*(column.to(device) for column in some[:3]), pairs=pairs)
        metric.to(device).update(estimate[chosen].to(device), some)
    torch.testing.assert_close(metric.compute(), expected.compute(), rtol=1e-4, atol=1e-6)
    assert metric.to("cuda").compute().device.type == "cuda"


def test_image_mean_is_the_mean_of_the_defined():
    estimate, sample = phantoms()
    for function, higher in ((psnr, True), (nrmse, False)):
        metric = ImageMean(function, higher_is_better=higher)
        metric.update(estimate, sample)
        expected = np.nanmean(function(estimate, sample.concentration).numpy())
        assert metric.compute().item() == pytest.approx(expected, rel=1e-6)
        assert metric.higher_is_better is higher


def test_a_mean_of_any_function_of_the_sample():
    estimate, sample = split_or_not([True, False], [0.3, 0.3])
    metric = CaseMean(
        lambda image, s: localisation_error(
            image, s.pairs.centre_m, s.pairs.diameter_m, FIELD_OF_VIEW_M
        ),
        higher_is_better=False,
    )
    metric.update(estimate, sample)
    assert metric.compute().item() == pytest.approx(0, abs=1e-8)


def normal_means(seed: int, num: int = 40) -> tuple[torch.Tensor, Sample]:
    values = torch.randn(num, generator=torch.Generator().manual_seed(seed))
    images = values[:, None, None, None].expand(num, 1, 4, 4)
    return images, make_sample(images)


def test_interval_of_a_mean_is_that_of_a_normal_mean():
    """Of 400 normal values: ± 1.96/√400, and narrower with less confidence."""
    metric = CaseMean(measured.first_pixel, higher_is_better=True)
    metric.update(*normal_means(0, num=400))
    mean = metric.compute().item()
    deviation = torch.cat(metric.rows).std().item() / math.sqrt(400)
    assert metric.interval() == pytest.approx(
        (mean - 1.96 * deviation, mean + 1.96 * deviation), abs=0.15 * deviation
    )
    assert metric.interval(0.68) == pytest.approx(
        (mean - deviation, mean + deviation), abs=0.15 * deviation
    )
    assert metric.interval() == metric.interval()


def test_interval_of_the_mean_of_few_cases_covers_the_truth_as_often_as_it_says():
    """A percentile bootstrap covers 91 %: 5000 trials tell 91 from 95 (standard error 0.3)."""
    trials = np.random.default_rng(0).normal(size=(5000, 16, 1))
    metric = CaseMean(measured.first_pixel, higher_is_better=True)
    ends = np.array([metric.interval_of(rows, 0.95) for rows in trials])
    covered = ((ends[:, 0] <= 0) & (ends[:, 1] >= 0)).mean()
    assert covered == pytest.approx(0.95, abs=0.01)


def test_an_interval_of_one_case_is_undefined():
    metric = CaseMean(measured.first_pixel, higher_is_better=True)
    metric.update(*normal_means(0, num=1))
    assert np.isnan(metric.interval()).all()


@pytest.mark.parametrize(
    ("num_split", "num", "expected"),
    [
        (0, 20, (0.0, 0.16113)),
        (20, 20, (0.83887, 1.0)),
        (5, 20, (0.11186, 0.46870)),
    ],
)
def test_interval_of_a_share_is_wilsons(num_split, num, expected):
    """Closed form: (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²))/(1 + z²/n)."""
    for kind in (ResolvedFraction, FalseSplitRate):
        metric = kind(FIELD_OF_VIEW_M)
        metric.update(*split_or_not([n < num_split for n in range(num)], [0.3] * num))
        assert metric.compute().item() == pytest.approx(num_split / num)
        assert metric.interval() == pytest.approx(expected, abs=1e-5)
    assert ResolvedFraction.higher_is_better
    assert not FalseSplitRate.higher_is_better


def test_pairs_are_needed_for_dips():
    estimate, sample = phantoms()
    with pytest.raises(ValueError, match="without the geometry"):
        MeanDip(FIELD_OF_VIEW_M).update(estimate, sample)


def test_means_over_single_discs():
    torch.manual_seed(0)
    place = ((torch.arange(64) + 0.5) / 64 - 0.5) * 6.4
    blob = torch.exp(-(place[:, None] ** 2 + (place - 0.1) ** 2) / (2 * 0.2**2))
    estimate = torch.stack((blob, blob.sqrt(), torch.zeros(64, 64)))[:, None]
    sample = make_sample(estimate, [-0.4] * 3)
    centre, direction, diameter, _ = sample.pairs
    widths = full_width_half_maximum(estimate, centre, direction, diameter, FIELD_OF_VIEW_M)
    shifts = localisation_error(estimate, centre, diameter, FIELD_OF_VIEW_M)
    for kind, values in ((MeanWidth, widths), (MeanLocalisationError, shifts)):
        metric = kind(FIELD_OF_VIEW_M)
        metric.update(estimate, sample)
        assert values.isnan().tolist() == [False, False, True]
        torch.testing.assert_close(metric.compute(), values[:2].mean())
        assert not metric.higher_is_better


def test_mean_dip_is_the_mean():
    estimate, sample = split_or_not([True, False, False], [0.3, 0.3, 0.3])
    metric = MeanDip(FIELD_OF_VIEW_M)
    metric.update(estimate, sample)
    expected = pair_dip(estimate, sample.pairs, FIELD_OF_VIEW_M).mean()
    torch.testing.assert_close(metric.compute(), expected)


@pytest.mark.parametrize(
    ("shares", "num", "expected_mm", "interval_mm"),
    [
        # 200 of 200: surely above 0.95; 19 of 20: it may be, or not.
        ({0.1: 0.0, 0.2: 1.0, 0.3: 1.0}, 200, 0.2, (0.2, 0.2)),
        ({0.1: 0.5, 0.2: 0.95, 0.3: 1.0}, 20, 0.2, (0.2, math.nan)),
        ({0.1: 1.0, 0.2: 0.5, 0.3: 1.0}, 200, 0.3, (0.3, 0.3)),
        ({0.1: 1.0, 0.2: 1.0, 0.3: 0.5}, 200, math.nan, (math.nan, math.nan)),
        ({0.1: 0.94, 0.2: 1.0, 0.3: 1.0}, 200, 0.2, (0.1, 0.2)),
    ],
)
def test_resolvable_gap_and_its_interval(shares, num, expected_mm, interval_mm):
    metric = ResolvableGap(FIELD_OF_VIEW_M)
    for gap_mm, share in shares.items():
        metric.update(*split_or_not([n < round(share * num) for n in range(num)], [gap_mm] * num))
    assert 1e3 * metric.compute().item() == pytest.approx(expected_mm, nan_ok=True)
    interval = [1e3 * end for end in metric.interval()]
    assert interval == pytest.approx(interval_mm, nan_ok=True)


def test_mass_statistics_of_a_known_error():
    """Recovered (1 + b)·m: the bias is b, and R² = 1 − b²·Σm²/Σ(m − m̄)²."""
    _, sample = phantoms()
    mass = sample.concentration.mean(dim=(1, 2, 3)).double().numpy()
    for bias in (-0.2, 0.0, 0.1):
        metrics = MassBias(FIELD_OF_VIEW_M), MassR2(FIELD_OF_VIEW_M)
        for metric in metrics:
            metric.update((1 + bias) * sample.concentration, sample)
        expected = 1 - bias**2 * (mass**2).sum() / ((mass - mass.mean()) ** 2).sum()
        assert metrics[0].compute().item() == pytest.approx(bias, abs=1e-6)
        assert metrics[1].compute().item() == pytest.approx(expected, rel=1e-4)


def test_r2_of_the_mean_is_zero_and_of_equal_masses_undefined():
    _, sample = phantoms()
    mean = sample.concentration.mean()
    metric = MassR2(FIELD_OF_VIEW_M)
    metric.update(torch.full_like(sample.concentration, mean), sample)
    assert metric.compute().item() == pytest.approx(0, abs=1e-5)
    same = make_sample(torch.ones(3, 1, 8, 8))
    metric = MassR2(FIELD_OF_VIEW_M)
    metric.update(same.concentration, same)
    assert metric.compute().isnan()
    assert np.isnan(metric.interval()).all()


def test_empty_phantoms_count_in_the_mass_but_have_no_bias_of_their_own():
    truth = torch.zeros(2, 1, 8, 8)
    metric = MassBias(FIELD_OF_VIEW_M)
    metric.update(truth + 0.1, make_sample(truth))
    assert metric.compute().isnan()
    truth = torch.ones(1, 1, 8, 8)
    metric.update(truth, make_sample(truth))
    assert metric.compute().item() == pytest.approx(0.2, rel=1e-5)
