"""What a guarantee makes of a cascade's intervals, and where it holds none."""

import math

import numpy as np
import pytest
import tiny_cascades
import torch

from mpi_cascade.checkpoints import read_checkpoint, write_checkpoint
from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.coverage import mass_factors_needed, pixel_factors_needed
from mpi_cascade.evaluation.guaranteeing import calibrate, calibration_like, snr_edges
from mpi_cascade.guarantee.guarantee import REASONS, Guarantee, NoiseGroup
from mpi_cascade.scans.regions import tracer_and_edges
from mpi_cascade.trained import load, save

GUARANTEE = Guarantee(
    risk=0.1, failure=0.1, scanner="", weights="",
    groups=(NoiseGroup(18, 25, 40, 1.5, 0.1, 1.2), NoiseGroup(25, 32, 50, 1.2, 0.2, 1.3)),
)  # fmt: skip


def test_scans_are_held_by_their_group_or_withheld():
    snr_db = torch.tensor([17.9, 18.0, 25.0, 31.9, 32.0, torch.nan, 26.0])
    misfit = torch.tensor([1.0, 1.0, 1.3, 1.31, 1.0, 1.0, torch.nan])
    said = GUARANTEE.of_scans(snr_db, misfit)
    torch.testing.assert_close(
        said.pixel_factors, torch.tensor([1.5, 1.5, 1.2, 1.2, 1.5, 1.5, 1.2])
    )
    torch.testing.assert_close(said.mass_factors, torch.tensor([0.2, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2]))
    outside, residual = REASONS[1:]
    assert [REASONS[number] for number in said.reasons] == [
        outside, "", "", residual, outside, outside, residual,
    ]  # fmt: skip


def test_a_guarantee_comes_back_as_it_was_stored(with_intervals):
    assert load(with_intervals.checkpoint).guarantee == with_intervals.cascade.guarantee
    assert Guarantee.from_mapping(GUARANTEE.as_mapping()) == GUARANTEE


def test_intervals_hold_what_the_needed_factors_say(with_intervals):
    """Counted from the ends themselves, and from the factors that coverage is measured with."""
    cascade = with_intervals.cascade
    (sample,) = calibration_like(cascade, 30, 30)
    images = cascade(sample.signal)
    found = cascade.intervals(sample.signal, images)
    is_shown = torch.tensor([not reason for reason in found.withheld])
    assert torch.equal(~found.lower.isnan().flatten(1).any(dim=1), is_shown)
    inside = (found.lower <= sample.concentration) & (sample.concentration <= found.upper)
    interval, said = cascade.intervals.calibrated(sample.signal, images)
    needed = pixel_factors_needed(images.final, interval, sample.concentration)
    counted = tracer_and_edges(sample.concentration)
    for scan in is_shown.nonzero().flatten().tolist():
        factor = float(said.pixel_factors[scan])
        share = inside[scan][counted[scan]].double().mean().item()
        # A pixel whose factor is the chosen one lies on the end, and roundings decide.
        assert np.mean(needed[scan] <= factor) == pytest.approx(share, abs=0.02)
    assert inside[is_shown][counted[is_shown]].double().mean() > 0.8
    assert (found.lower[is_shown] >= 0).all()


def test_masses_hold_what_the_needed_factors_say(with_intervals):
    cascade = with_intervals.cascade
    (sample,) = calibration_like(cascade, 30, 30)
    images = cascade(sample.signal)
    interval, said = cascade.intervals.calibrated(sample.signal, images)
    needed = mass_factors_needed(images.final, interval, sample.concentration)
    held = [
        np.mean(values <= factor)
        for values, factor in zip(needed, said.mass_factors.tolist(), strict=True)
    ]
    assert np.mean(held) > 0.8
    for objects in cascade.intervals(sample.signal, images).masses:
        assert objects
        for one in objects:
            assert one.lowest_m2 <= max(one.mass_m2, 0.0) <= one.highest_m2
            assert one.lowest_m2 >= 0


def test_intervals_scale_with_the_tracer(with_intervals):
    cascade, signal = with_intervals.cascade, with_intervals.signal[:4]
    once, twice = (cascade.intervals(it, cascade(it)) for it in (signal, 2 * signal))
    torch.testing.assert_close(twice.upper, 2 * once.upper, equal_nan=True)
    torch.testing.assert_close(twice.lower, 2 * once.lower, equal_nan=True)
    assert twice.withheld == once.withheld


def test_a_scan_that_its_image_does_not_explain_has_none(with_intervals):
    cascade, signal = with_intervals.cascade, with_intervals.signal[:8]
    images = cascade(signal)
    assert cascade.intervals(signal, images).withheld.count("") >= 6
    others = images._replace(final=images.final.roll(4, dims=3))
    assert cascade.intervals(signal, others).withheld == ["residual above the calibration"] * 8


def test_groups_are_ranges_of_the_training(with_intervals):
    varied = tiny_cascades.tiny_cascade(tiny_cascades.WITH_INTERVALS, training_snr_db=[20.0, 50.0])
    margin_db = 20 * math.log10(1 + 4 * 2.3 / 16)
    assert snr_edges(with_intervals.cascade) == pytest.approx([30 - margin_db, 30 + margin_db])
    lowest, *inner, highest = snr_edges(varied)
    assert inner == [25, 30, 35, 40, 45]
    assert (lowest, highest) == pytest.approx((20 - margin_db, 50 + margin_db))


def test_too_few_scans_are_refused_before_any_is_made(with_intervals):
    with pytest.raises(InputError, match=r"--num-scans is 20: .* takes 22 scans of each noise"):
        calibrate(with_intervals.cascade, 20, 0.1, 0.1, 10, lambda num: None)


def test_what_has_no_guarantee_says_what_to_do(trained, with_intervals, tmp_path):
    with pytest.raises(InputError, match="no network of the uncertainty"):
        _ = trained.cascade.intervals
    with pytest.raises(InputError, match="no guarantee: calibrate them with mpi-cascade guarantee"):
        _ = with_intervals.cascade._replace(guarantee=None).intervals
    # Weights that went on training.
    moved = load(with_intervals.checkpoint)
    with torch.no_grad():
        next(moved.cascade.refinement.parameters()).add_(1e-3)
    save(moved, tmp_path / "moved.ckpt")
    with pytest.raises(InputError, match="calibrated for other weights"):
        _ = load(tmp_path / "moved.ckpt").intervals
    other = load(with_intervals.checkpoint)._replace(
        guarantee=Guarantee.from_mapping(
            {**with_intervals.cascade.guarantee.as_mapping(), "scanner": "another"}
        )
    )
    with pytest.raises(InputError, match="calibrated for another scanner"):
        _ = other.intervals


def test_a_damaged_guarantee_is_refused(with_intervals, tmp_path):
    contents = read_checkpoint(with_intervals.checkpoint).contents
    damaged = {**contents, "mpi_cascade_guarantee": {"risk": 0.1}}
    write_checkpoint(damaged, tmp_path / "damaged.ckpt")
    with pytest.raises(InputError, match="can't be read: make it again"):
        load(tmp_path / "damaged.ckpt")
