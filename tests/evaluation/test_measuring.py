from dataclasses import replace

import pytest
import torch

from mpi_cascade.evaluation.measuring import measure, times_per_image_s
from mpi_cascade.evaluation.methods import CLASSICAL, SEARCHES, Method, search, tuned
from mpi_cascade.evaluation.suites import EvaluationSet, Suite
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.scans.scanner_models import ScannerModels
from mpi_cascade.solvers.tikhonov import Tikhonov

PAIRS = TwoPoints(gaps_mm=(0.3, 0.8), cases_per_gap=4)
SUITE = Suite(
    name="few",
    phantoms=(EvaluationSet(name="phantoms", scene=PhantomMixture(), num_cases=6),),
    pairs=(EvaluationSet(name="pairs", scene=PAIRS, num_cases=8, batch_size=4),),
    capsules=(
        EvaluationSet(
            name="capsules", scene=Capsules(outlines=PAIRS), num_cases=8, batch_size=4, twin="pairs"
        ),
    ),
    discs=(EvaluationSet(name="discs", scene=SingleDiscs(), num_cases=5),),
)


@pytest.fixture
def adjoint(small_scanner):
    model = ForwardModel(small_scanner, (16, 16))
    return Method("adjoint", 0, lambda signal: {"final": model.adjoint(signal)}, "")


def values(methods, suite, scanner):
    results = measure(methods, suite, ScannerModels(scanner), (16, 16), lambda number: None)
    keys = [(r.label, r.number, r.image, r.set_name, r.metric, r.gap_mm) for r in results]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, results, strict=True))


def test_results_do_not_depend_on_batches(small_scanner, adjoint):
    def in_batches_of(size):
        parts = {
            kind: tuple(replace(part, batch_size=size) for part in getattr(SUITE, kind))
            for kind in ("phantoms", "pairs", "capsules", "discs")
        }
        return values([adjoint], replace(SUITE, **parts), small_scanner)

    whole, parts = in_batches_of(4), in_batches_of(2)
    assert whole.keys() == parts.keys()
    for key, result in whole.items():
        numbers = result[6:]
        assert parts[key][6:] == pytest.approx(numbers, rel=1e-3, abs=1e-6, nan_ok=True), key


def test_a_method_is_measured_alike_alone_and_in_company(small_scanner, adjoint):
    other = Method("nothing", 0, lambda signal: {"final": 0 * adjoint.images(signal)["final"]}, "")
    again = Method("adjoint", 1, adjoint.images, "")
    alone = values([adjoint], SUITE, small_scanner)
    together = values([other, adjoint, again], SUITE, small_scanner)
    assert len(together) == 3 * len(alone)
    for key, result in alone.items():
        assert together[key][6:] == pytest.approx(result[6:], nan_ok=True)
        assert together[(key[0], 1, *key[2:])][6:] == pytest.approx(result[6:], nan_ok=True)


def test_every_batch_of_every_method_is_announced(small_scanner, adjoint):
    done: list[int] = []
    measure(
        [adjoint, adjoint._replace(number=1)],
        SUITE,
        ScannerModels(small_scanner),
        (16, 16),
        done.append,
    )
    assert sum(done) == 2 * sum(part.num_cases for part in SUITE.sets)


def test_an_image_without_tracer_resolves_and_splits_nothing(small_scanner, adjoint):
    empty = Method("empty", 0, lambda signal: {"final": 0 * adjoint.images(signal)["final"]}, "")
    found = values([empty], SUITE, small_scanner)
    assert found["empty", 0, "final", "capsules", "false_splits", None].value == 0
    assert found["empty", 0, "final", "pairs", "resolved", 0.8].value == 0
    assert found["empty", 0, "final", "phantoms", "mass_bias", None].value == pytest.approx(-1)
    assert found["empty", 0, "final", "discs", "width_m", None].num_cases == 0


def test_the_first_seed_of_every_label_is_timed():
    called: list[tuple[str, int]] = []

    def method(label, seed):
        return Method(label, seed, lambda signal: called.append((label, seed)), "")

    methods = [method("one", 0), method("one", 1), method("two", 0)]
    times_s = times_per_image_s(methods, torch.zeros(4, 1, 2, 2))
    assert times_s.keys() == {"one", "two"}
    assert all(0 < time_s < 0.1 for time_s in times_s.values())
    assert set(called) == {("one", 0), ("two", 0)}
    # In turn, so that a machine's slow moment hits all of them.
    assert called[:4] in (2 * [("one", 0), ("two", 0)], 2 * [("two", 0), ("one", 0)])


def test_a_search_finds_the_best_candidate(small_scanner):
    model = ForwardModel(small_scanner, (16, 16))
    part = EvaluationSet(name="tuning", scene=PhantomMixture(), num_cases=8)
    validation = [
        (batch.signal, batch.concentration)
        for batch in part.batches(ScannerModels(small_scanner), (16, 16))
    ]
    found = search("Tikhonov", model, validation)
    solver, (signal, truth) = Tikhonov(model), validation[0]
    qualities = []
    for value in SEARCHES["Tikhonov"].candidates["relative_regularisation"]:
        solver.relative_regularisation = value
        qualities.append((psnr(solver(signal), truth).nanmean().item(), value))
    assert found == {"relative_regularisation": max(qualities)[1]}
    method = tuned("Tikhonov", model, found).method
    solver.relative_regularisation = found["relative_regularisation"]
    assert torch.equal(method.images(signal)["final"], solver(signal))
    assert (method.label, method.number) == ("Tikhonov", 0)


@pytest.mark.parametrize("name", CLASSICAL)
def test_every_classical_method_has_what_its_search_tunes(small_scanner, name):
    model = ForwardModel(small_scanner, (16, 16))
    candidates = SEARCHES[CLASSICAL[name].search].candidates
    solver = tuned(name, model, {key: values[-1] for key, values in candidates.items()}).solver
    assert isinstance(solver, CLASSICAL[name].solver)
    for attribute, tried in candidates.items():
        assert list(tried) == sorted(tried)
        assert getattr(solver, attribute) == tried[-1]
