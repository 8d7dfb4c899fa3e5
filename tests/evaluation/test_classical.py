"""Classical methods as opponents: what they are tuned for, and how they follow the noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mpi_cascade.evaluation import classical
from mpi_cascade.evaluation.classical import (
    CLASSICAL,
    QUALITY,
    RESOLUTION,
    Tuned,
    Weight,
    tuned_solvers,
)
from mpi_cascade.evaluation.measures import CAPSULES, PAIRS
from mpi_cascade.evaluation.objectives import TuningSets, psnr_score, resolution_score, scan
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.evaluation.suites import tuning_sets
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.metrics.resolution import pair_dip
from mpi_cascade.phantoms.scenes import Capsules, TwoPoints
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA
from mpi_cascade.solvers.tikhonov import Tikhonov
from mpi_cascade.solvers.tuning import FINE_RATIO

TWO_POINTS = TwoPoints(gaps_mm=(0.5, 0.9), cases_per_gap=6)
SETS = TuningSets(
    phantoms=tuning_sets(8, 1).phantoms,
    pairs=EvaluationSet(name="pairs", kind=PAIRS, scene=TWO_POINTS, indices=range(12)),
    nulls=EvaluationSet(
        name="nulls", kind=CAPSULES, scene=Capsules(outlines=TWO_POINTS), indices=range(12)
    ),
)
ignores_edges = pytest.mark.filterwarnings("ignore:the best .* lies on the edge of the search")


@pytest.fixture(scope="module")
def scans(experiment):
    return scan(SETS, experiment, batch_size=5)


def tuned(names, experiment, scans, announced=None):
    announce = (lambda name: None) if announced is None else announced.append
    return tuned_solvers(names, experiment.forward_model, scans, 30.0, announce)


def mean_psnr_db(reconstruct, scans):
    values = [psnr(reconstruct(one.signal), one.concentration) for one in scans.fine.phantoms]
    return torch.cat(values).nanmean().item()


def test_the_coarse_scans_are_every_third(scans):
    for coarse, fine in zip(
        (scans.coarse.phantoms, scans.coarse.pairs, scans.coarse.nulls),
        (scans.fine.phantoms, scans.fine.pairs, scans.fine.nulls), strict=True,
    ):  # fmt: skip
        every, all_of_them = (torch.cat([one.signal for one in part]) for part in (coarse, fine))
        torch.testing.assert_close(every, all_of_them[::3], rtol=1e-4, atol=1e-7)


def test_quality_is_the_mean_over_all_scans_that_have_one(scans):
    def reconstruct(signal):
        return 0.5 * torch.ones(len(signal), 1, 16, 16)

    truths = np.concatenate([one.concentration.numpy() for one in scans.fine.phantoms])
    errors = np.square(0.5 - truths).mean(axis=(1, 2, 3))[truths.any(axis=(1, 2, 3))]
    (score,) = psnr_score(scans.fine, reconstruct)
    assert score == pytest.approx(np.mean(-10 * np.log10(errors)), rel=1e-4)


def test_resolution_is_the_share_of_pairs_above_what_few_nulls_exceed(experiment, scans):
    solver = Tikhonov(experiment.forward_model, 1e-4)
    size_m = experiment.scanner.field_of_view_m

    def dips(samples):
        values = [pair_dip(solver(one.signal), one.pairs, size_m) for one in samples]
        return torch.cat(values).numpy()

    share, excess = resolution_score(scans.fine, solver)
    # No more than 1 % of twelve nulls: none.
    threshold = dips(scans.fine.nulls).max()
    pairs = dips(scans.fine.pairs)
    assert share == pytest.approx(np.mean(pairs > threshold))
    assert excess == pytest.approx(np.mean(pairs - threshold), abs=1e-5)


def test_an_image_without_tracer_resolves_nothing(scans):
    def reconstruct(signal):
        return torch.zeros(len(signal), 1, 16, 16)

    assert resolution_score(scans.fine, reconstruct)[0] == 0


def test_tikhonov_is_tuned_for_each_of_its_goals(experiment, scans):
    """By brute force over 120 values."""
    announced: list[str] = []
    found = tuned(["Tikhonov"], experiment, scans, announced)
    labels = ["Tikhonov", "Tikhonov, c ≥ 0", "Tikhonov, resolution"]
    assert [method.label for method in found] == list(dict.fromkeys(announced)) == labels
    solver = Tikhonov(experiment.forward_model)
    qualities = (
        lambda: mean_psnr_db(solver, scans),
        lambda: mean_psnr_db(lambda signal: solver(signal).clamp_min(0), scans),
        lambda: resolution_score(scans.fine, solver)[0],
    )
    for method, quality, tolerance in zip(found, qualities, (0.05, 0.05, 0.1), strict=True):
        values = []
        for candidate in torch.logspace(-8, 0, 120).tolist():
            solver.relative_regularisation = candidate
            values.append(quality())
        solver.relative_regularisation = method.solver.relative_regularisation
        assert quality() > max(values) - tolerance


def test_an_image_is_finished_as_its_goal_says(experiment, scans):
    plain, clamped, _ = tuned(["Tikhonov"], experiment, scans)
    signal = scans.fine.phantoms[0].signal
    (image,) = plain.method().images(signal).values()
    assert torch.equal(image, plain.solver(signal))
    assert image.min() < 0
    (image,) = clamped.method().images(signal).values()
    assert torch.equal(image, clamped.solver(signal).clamp_min(0))
    regularisation = plain.solver.relative_regularisation
    assert plain.method().source == f"relative_regularisation {regularisation:.3g}"


def test_without_nulls_nothing_is_tuned_for_resolution(experiment):
    scans = scan(SETS._replace(nulls=None), experiment)
    labels = [method.label for method in tuned(["Tikhonov"], experiment, scans)]
    assert labels == ["Tikhonov", "Tikhonov, c ≥ 0"]


@ignores_edges
def test_methods_of_one_objective_are_tuned_once(experiment, scans, monkeypatch):
    weights = {
        "tv_weight": Weight((0.0, 1e-5, 1e-4, 1e-3), 1),
        "l1_weight": Weight((0.0, 1e-4, 1e-3), 1),
    }
    method = CLASSICAL["ADMM"]._replace(
        solver=lambda model: ADMM(model, num_iterations=20), weights=weights
    )
    monkeypatch.setitem(classical.CLASSICAL, "ADMM", method)
    announced: list[str] = []
    fista, admm, sharp = tuned(["FISTA", "ADMM"], experiment, scans, announced)
    assert len(dict.fromkeys(announced)) == 2
    assert [fista.label, admm.label, sharp.label] == ["FISTA", "ADMM", "ADMM, resolution"]
    assert isinstance(fista.solver, FISTA) and isinstance(admm.solver, ADMM)
    values = [(method.solver.tv_weight, method.solver.l1_weight) for method in (fista, admm)]
    assert values[0] == values[1]
    # No step of the fine grid is better.
    solver = method.solver(experiment.forward_model)

    def quality(tv_weight, l1_weight):
        solver.tv_weight, solver.l1_weight = tv_weight, l1_weight
        return mean_psnr_db(solver, scans)

    best = quality(*values[0])
    for factor in (1 / FINE_RATIO, FINE_RATIO):
        assert quality(values[0][0] * factor, values[0][1]) <= best + 1e-4
        assert quality(values[0][0], values[0][1] * factor) <= best + 1e-4


@pytest.mark.parametrize("name", CLASSICAL)
def test_every_classical_method_has_what_its_search_tunes(experiment, name):
    solver = CLASSICAL[name].solver(experiment.forward_model)
    for attribute, weight in CLASSICAL[name].weights.items():
        assert hasattr(solver, attribute)
        assert list(weight.candidates) == sorted(weight.candidates)
    assert CLASSICAL[name].goals[0] is QUALITY


@pytest.mark.parametrize(
    ("name", "powers"), [("Tikhonov", 2), ("ART", 2), ("ADMM", 1), ("FISTA", 1)]
)
def test_weights_follow_the_noise(experiment, name, powers):
    """20 dB less is ten times the noise."""
    kind, weights, *_ = CLASSICAL[name]
    solver = kind(experiment.forward_model)
    method = Tuned("x", solver, weights, lambda image: image, 30.0)
    for attribute in weights:
        before = getattr(solver, attribute)
        assert getattr(method.at(10.0), attribute) == pytest.approx(before * 10**powers)
        assert getattr(method.at(50.0), attribute) == pytest.approx(before / 10**powers)
        assert getattr(method.at(30.0), attribute) == before == getattr(solver, attribute)
    signal = torch.randn(1, *experiment.forward_model.signal_shape)
    if isinstance(solver, ADMM | FISTA):
        solver.num_iterations = 5
    elif isinstance(solver, ART):
        solver.num_sweeps = 5
    (image,) = method.method().at(10.0).images(signal).values()
    assert torch.equal(image, method.at(10.0)(signal))
    # The solver itself, and what it has made of its model, are as before.
    fresh = kind(experiment.forward_model)
    for attribute in ("num_iterations", "num_sweeps"):
        if hasattr(solver, attribute):
            setattr(fresh, attribute, 5)
    torch.testing.assert_close(solver(signal), fresh(signal))


def test_scans_of_another_noise_are_better_with_weights_that_follow_it(experiment, scans):
    """A right λ at 30 dB, then at 10 dB: λ times 100, against λ as it was."""
    (method, *_) = tuned(["Tikhonov"], experiment, scans)
    noisy = scan(TuningSets(replace(SETS.phantoms, peak_snr_db=10.0), SETS.pairs), experiment)
    assert mean_psnr_db(method.at(10.0), noisy) > mean_psnr_db(method.solver, noisy) + 0.3


def test_resolution_is_a_goal_of_the_strongest_and_of_the_simplest():
    names = {name for name, method in CLASSICAL.items() if RESOLUTION in method.goals}
    assert names == {"Tikhonov", "ADMM"}
