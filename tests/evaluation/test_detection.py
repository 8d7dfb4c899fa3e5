import io
import math

import numpy as np
import pytest
import torch
from experiments import small_experiment
from scipy.optimize import brentq
from scipy.stats import norm
from torch import nn

from mpi_cascade.evaluation.detection import IDEAL, detected_step, detection, ideal_share
from mpi_cascade.evaluation.detection_figure import detection_figure
from mpi_cascade.evaluation.detection_scans import STEPS, DetectionScans, disc_places
from mpi_cascade.evaluation.limit_tables import detection_table
from mpi_cascade.evaluation.methods import FINAL, Method, zero_image
from mpi_cascade.evaluation.sets import DetectionPlan
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.phantoms.scenes import capsule_shapes
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.solvers.tikhonov import Tikhonov

EXPERIMENT = small_experiment(image_shape=(32, 32))
MODEL = EXPERIMENT.forward_model
SCANS = DetectionScans(DetectionPlan(num_nulls=150, cases_per_mass=120), EXPERIMENT)


def method(label, images):
    return Method(label, 0, lambda signal: {FINAL: images(signal)}, "a test")


def limits(*methods, scans=SCANS):
    found = detection(methods, scans, lambda num: None, 64)
    return found, {limit.label: limit for limit in found.limits}


def discs():
    """The first sixteen discs, one near each place, at concentration 1, by a finer model."""
    size_m = EXPERIMENT.scanner.field_of_view_m
    places = disc_places(SCANS._with.streams(torch.arange(16)), size_m, 4)
    return ForwardModel(EXPERIMENT.scanner, (256, 256))(
        render(capsule_shapes(places), 16, (256, 256), size_m)
    ).double()


def test_the_ideal_observers_limit_is_that_of_a_matched_filter():
    signals = discs()
    noise = signals.abs().amax(dim=(1, 2, 3)).mean().item() * 10**-1.5
    assert SCANS.noise == pytest.approx(noise, rel=0.01)
    assert SCANS.disc_mass_m2 == pytest.approx(math.pi * 0.2e-3**2, rel=0.01)
    # Simulated place by place, each with its own threshold.
    generator = torch.Generator().manual_seed(0)
    shares = np.zeros(3)
    steps = (0.5, 1.0, 2.0)
    for disc in signals.flatten(1):
        filtered = noise * torch.randn(2, 2000, len(disc), generator=generator) @ disc.float()
        threshold = filtered[0].quantile(0.99)
        own = disc.square().sum() * SCANS.ideal_concentration
        shares += [(filtered[1] + step * own > threshold).double().mean() / 16 for step in steps]
    assert shares == pytest.approx([ideal_share(step) for step in steps], abs=0.02)
    assert ideal_share(1.0) == pytest.approx(0.5)


def test_who_sees_the_matched_filter_reaches_the_limit_of_the_ideal_observer():
    found, of = limits(method("matched filter", MODEL.adjoint))
    limit, ideal = of["matched filter"], of[IDEAL]
    assert limit.low_mm2 < ideal.mass_mm2 < limit.high_mm2
    assert limit.high_mm2 / limit.low_mm2 < 1.5
    assert limit.times_ideal == pytest.approx(limit.mass_mm2 / ideal.mass_mm2)
    assert 1e6 * SCANS.disc_mass_m2 * limit.concentration == pytest.approx(limit.mass_mm2)
    for share in found.shares:
        if share.label != IDEAL:
            expected = ideal_share(share.mass_mm2 / ideal.mass_mm2)
            assert share.low - 0.05 < expected < share.high + 0.05


def test_of_a_linear_method_the_limit_is_that_of_normal_numbers():
    solver = Tikhonov(MODEL, 1e-3)
    # The image is linear in the signal: its columns are those of one measurement each.
    columns = solver(torch.eye(256).reshape(256, 1, 16, 16)).flatten(1).double()
    batch = next(SCANS.with_discs(64))
    windows = batch.windows[:16].flatten(1).double()
    means = (windows / windows.sum(dim=1, keepdim=True)) @ columns.T
    spread = SCANS.noise * means.norm(dim=1).numpy()
    fine = SCANS._discs(SCANS._with.streams(torch.arange(16)))[0].flatten(1).double()
    seen = (means * fine).sum(dim=1).numpy()
    threshold = brentq(lambda t: norm.sf(t / spread).mean() - 0.01, 0, 10 * spread.max())
    expected = brentq(lambda c: norm.sf((threshold - c * seen) / spread).mean() - 0.5, 1e-4, 1)
    limit = limits(method("Tikhonov", solver))[1]["Tikhonov"]
    in_mm2 = 1e6 * SCANS.disc_mass_m2 * expected
    assert expected > 1.2 * SCANS.ideal_concentration
    assert limit.low_mm2 < in_mm2 < limit.high_mm2
    assert limit.mass_mm2 == pytest.approx(in_mm2, rel=0.15)
    assert limit.threshold == pytest.approx(threshold, rel=0.1)


def test_a_blind_method_has_no_limit():
    found, of = limits(zero_image((32, 32)), method("undefined", lambda s: MODEL.adjoint(s) / 0))
    for label in ("zero image", "undefined"):
        assert math.isnan(of[label].mass_mm2) and math.isnan(of[label].times_ideal)
        assert {s.share for s in found.shares if s.label == label} == {0.0}
    lines = detection_table(found.limits).splitlines()
    assert [cell.strip() for cell in lines[3].strip("|").split("|")] == [
        "zero image", "–", "–", "–"
    ]  # fmt: skip
    # The zero image is no row of the picture, what is undefined has no mark.
    figure = detection_figure(found)
    figure.savefig(io.BytesIO(), dpi=40)
    rows = figure.axes[1]
    assert [text.get_text() for text in rows.get_yticklabels()] == [IDEAL, "undefined"]
    assert [text.get_text() for text in rows.texts] == [f"{of[IDEAL].mass_mm2:.2g}", "–"]


def test_the_picture_has_a_line_and_a_row_for_each_method():
    few = DetectionScans(DetectionPlan(num_nulls=20, cases_per_mass=4), EXPERIMENT)
    methods = method("one", MODEL.adjoint), method("two", Tikhonov(MODEL))
    found, of = limits(*methods, methods[1]._replace(number=1), scans=few)
    curves, rows = detection_figure(found).axes
    ideal, one, two, again, _ = curves.get_lines()
    assert ideal.get_linestyle() == "--"
    assert [line.get_color() for line in (one, two, again)] == ["C0", "C1", "C1"]
    assert [text.get_text() for text in rows.get_yticklabels()] == [IDEAL, "one", "two", "two (1)"]
    intervals, marks = rows.get_lines()[1::2], rows.get_lines()[2::2]
    for line, interval, mark, label in zip(
        (one, two), intervals[:2], marks[:2], ("one", "two"), strict=True
    ):
        shares = [s for s in found.shares if (s.label, s.number) == (label, 0)]
        np.testing.assert_allclose(line.get_ydata(), [100 * share.share for share in shares])
        masses = [step * of[IDEAL].mass_mm2 for step in STEPS]
        np.testing.assert_allclose(line.get_xdata(), masses)
        np.testing.assert_allclose(mark.get_xdata(), of[label].mass_mm2)
        np.testing.assert_allclose(interval.get_xdata()[0], of[label].low_mm2)
        assert mark.get_color() == line.get_color()


def test_a_method_is_set_for_the_snr_of_noise_alone():
    asked = []

    def images_at(peak_snr_db):
        asked.append(peak_snr_db)
        return lambda signal: {FINAL: MODEL.adjoint(signal)}

    plan = DetectionPlan(num_nulls=20, cases_per_mass=1)
    limits(
        Method("set", 0, lambda signal: {}, "a test", images_at=images_at),
        scans=DetectionScans(plan, EXPERIMENT),
    )
    # The largest of 256 normal numbers is near the quantile of a 256th on both sides.
    assert asked == [pytest.approx(20 * math.log10(norm.isf(0.5 / 256)), abs=0.7)]


def test_between_the_masses_the_share_is_interpolated():
    nulls = np.linspace(-1, 0, 400).reshape(25, 16)
    is_seen = np.zeros((len(STEPS), 100), dtype=bool)
    is_seen[4, :30] = is_seen[5, :70] = is_seen[6:] = True
    middle, low, high = detected_step(nulls, np.where(is_seen, 1.0, -1.0))
    assert middle == pytest.approx(math.sqrt(STEPS[4] * STEPS[5]))
    assert STEPS[4] < low < middle < high < STEPS[5]
    # Of a share that falls with the mass the mean is taken.
    is_seen[3, :30], is_seen[4, :30] = True, False
    middle, _, _ = detected_step(nulls, np.where(is_seen, 1.0, -1.0))
    assert middle == pytest.approx(STEPS[4] * (STEPS[5] / STEPS[4]) ** (35 / 55))


def test_what_lies_beyond_the_masses_is_said_to():
    nulls = np.linspace(-1, 0, 400).reshape(25, 16)
    assert detected_step(nulls, np.ones((len(STEPS), 8))) == (STEPS[0],) * 3
    assert np.isnan(detected_step(nulls, np.full((len(STEPS), 8), -1.0))).all()
    # More than half only of the largest mass, and of few.
    seen = np.full((len(STEPS), 8), -1.0)
    seen[-1, :5] = 1
    middle, low, high = detected_step(nulls, seen)
    assert STEPS[-2] < low <= middle < STEPS[-1] and math.isnan(high)


def test_the_interval_holds_the_limit_of_normal_numbers(monkeypatch):
    monkeypatch.setattr("mpi_cascade.evaluation.detection._NUM_RESAMPLES", 200)
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(40):
        nulls = generator.normal(size=(64, 16))
        shift = norm.isf(0.01) * np.array(STEPS)[:, None] / 3
        _, low, high = detected_step(nulls, shift + generator.normal(size=(len(STEPS), 24)))
        held += low <= 3 <= high
    assert held >= 34


def test_scans_are_the_same_in_any_batches_and_their_noise_in_all_of_them():
    scans = DetectionScans(DetectionPlan(num_nulls=3, cases_per_mass=2, seed=7), EXPERIMENT)
    for batches in (scans.without_tracer, scans.with_discs):
        whole, parts = list(batches(64)), list(batches(2))
        for column, of_parts in zip(whole[0], zip(*parts, strict=True), strict=True):
            torch.testing.assert_close(torch.cat(of_parts), column)
    assert len(scans) == 3 + 2 * len(STEPS)
    nulls, tracer = (next(batches(64)) for batches in (scans.without_tracer, scans.with_discs))
    assert nulls.windows.shape == (3, 16, 32, 32) and tracer.windows.shape == (26, 1, 32, 32)
    areas = nulls.windows.sum(dim=(2, 3)) * (6.4 / 32) ** 2
    torch.testing.assert_close(areas, torch.full_like(areas, math.pi * 0.2**2), rtol=0.05, atol=0)
    assert nulls.signal.std().item() == pytest.approx(scans.noise, rel=0.1)
    ideal = [
        scans.ideal_concentration * STEPS[number // 2] * scans._discs(scans._with.streams(
            torch.tensor([number])))[0][0]
        for number in range(26)
    ]  # fmt: skip
    rest = tracer.signal - torch.stack(ideal)
    assert rest.std(dim=(1, 2, 3)).numpy() == pytest.approx([scans.noise] * 26, rel=0.2)


def test_places_are_far_apart_and_not_at_the_edge():
    streams = RandomStreams(0, 0, torch.arange(160))
    places = disc_places(streams, (6.4e-3, 12.8e-3), 4).centre_m.reshape(10, 16, 2)
    distances = torch.cdist(places, places) + torch.eye(16)
    assert distances.min() > 0.7e-3
    assert places[..., 0].abs().max() < 5.6e-3 and places[..., 1].abs().max() < 2.7e-3


def test_a_line_has_its_places_side_by_side():
    scanner = Scanner(num_ffp_x=32, num_ffp_y=1)
    line = small_experiment(refinement=nn.Identity(), image_shape=(1, 32), scanner=scanner)
    scans = DetectionScans(DetectionPlan(num_nulls=1, cases_per_mass=1), line)
    windows = next(scans.without_tracer(1)).windows[0, :, 0]
    centres = (windows * torch.arange(32)).sum(dim=1) / windows.sum(dim=1)
    assert (centres.diff() > 0.5).all()
