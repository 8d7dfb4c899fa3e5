import pytest
import torch
from experiments import small_experiment
from torch import nn

from mpi_cascade.checkpoints import TrainedCascade
from mpi_cascade.evaluation import methods
from mpi_cascade.evaluation.measures import CAPSULES, DISCS, PAIRS, PHANTOMS
from mpi_cascade.evaluation.measuring import measure, quality_db, report, times_per_image_s
from mpi_cascade.evaluation.methods import (
    CLASSICAL,
    SEARCHES,
    Method,
    Search,
    Seeds,
    cascade_method,
    classical_method,
    tuned_solvers,
)
from mpi_cascade.evaluation.sets import EvaluationSet, Suite
from mpi_cascade.evaluation.suites import training_suite, tuning_scans
from mpi_cascade.evaluation.table import CASCADE, results_of
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.models.preliminary import FixedTikhonov
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints
from mpi_cascade.solvers.tikhonov import Tikhonov

TWO_POINTS = TwoPoints(gaps_mm=(0.3, 0.8), cases_per_gap=4)
SUITE = Suite(
    name="few",
    sets=(
        EvaluationSet(name="phantoms", kind=PHANTOMS, scene=PhantomMixture(), indices=range(6)),
        EvaluationSet(name="pairs", kind=PAIRS, scene=TWO_POINTS, indices=range(8)),
        EvaluationSet(
            name="capsules", kind=CAPSULES, scene=Capsules(outlines=TWO_POINTS), indices=range(8),
            twin="pairs",
        ),
        EvaluationSet(name="discs", kind=DISCS, scene=SingleDiscs(), indices=range(5)),
    ),
)  # fmt: skip

ignores_edges = pytest.mark.filterwarnings("ignore:the best .* lies on the edge of the search")


@pytest.fixture(scope="module")
def experiment():
    return small_experiment()


@pytest.fixture(scope="module")
def adjoint(experiment):
    return Method("adjoint", 0, lambda u: {"final": experiment.forward_model.adjoint(u)}, "")


@pytest.fixture(scope="module")
def validation(experiment):
    return [
        (batch.signal, batch.concentration)
        for batch in tuning_scans(8).batches(experiment, batch_size=5)
    ]


def values(methods, experiment, batch_size=4):
    cases = measure(methods, SUITE.sets, experiment, lambda number: None, batch_size)
    results = results_of(cases, {})
    keys = [result[:6] for result in results]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, results, strict=True))


def mean_psnr_db(solver, validation):
    return torch.cat([psnr(solver(signal), truth) for signal, truth in validation]).nanmean().item()


def test_results_do_not_depend_on_batches(experiment, adjoint):
    whole, parts = (values([adjoint], experiment, size) for size in (64, 3))
    assert whole.keys() == parts.keys()
    for key, result in whole.items():
        numbers = result[6:]
        assert parts[key][6:] == pytest.approx(numbers, rel=1e-3, abs=1e-6, nan_ok=True), key


def test_a_method_is_measured_alike_alone_and_in_company(experiment, adjoint):
    other = Method("nothing", 0, lambda signal: {"final": 0 * adjoint.images(signal)["final"]}, "")
    again = adjoint._replace(number=1)
    alone = values([adjoint], experiment)
    together = values([other, adjoint, again], experiment)
    assert len(together) == 3 * len(alone)
    for key, result in alone.items():
        assert together[key][6:] == pytest.approx(result[6:], nan_ok=True)
        assert together[(key[0], 1, *key[2:])][6:] == pytest.approx(result[6:], nan_ok=True)


def test_every_batch_of_every_method_is_announced(experiment, adjoint):
    done: list[int] = []
    measure(
        [adjoint, adjoint._replace(number=1)], SUITE.sets, experiment, done.append, batch_size=4
    )
    assert done == [number for number in (4, 2, 4, 4, 4, 4, 4, 1) for _ in range(2)]


def test_an_image_without_tracer_resolves_and_splits_nothing(experiment, adjoint):
    empty = Method("empty", 0, lambda signal: {"final": 0 * adjoint.images(signal)["final"]}, "")
    found = values([empty], experiment)
    assert found["empty", 0, "final", "capsules", "false_splits", None].value == 0
    assert found["empty", 0, "final", "pairs", "resolved", 0.8].value == 0
    assert found["empty", 0, "final", "phantoms", "mass_bias", None].value == pytest.approx(-1)
    assert found["empty", 0, "final", "discs", "width_mm", None].num_cases == 0


def test_the_first_seed_of_every_label_is_timed():
    called: list[tuple[str, int]] = []

    def method(label, number):
        def images(signal):
            called.append((label, number))
            return {"final": signal}

        return Method(label, number, images, "")

    timed = [method("one", 0), method("one", 1), method("two", 0)]
    times_s = times_per_image_s(timed, torch.zeros(4, 1, 2, 2))
    assert times_s.keys() == {"one", "two"}
    assert all(0 < time_s < 0.1 for time_s in times_s.values())
    # In turn, so that a machine's slow moment hits all of them.
    assert called == [("one", 0), ("two", 0)] * (len(called) // 2)


def test_quality_is_that_of_the_first_seed_of_every_label(adjoint, validation):
    signal, truth = validation[0]
    other = Method("adjoint", 1, lambda signal: {"final": truth}, "")
    half = Method("half", 0, lambda signal: {"final": truth / 2, "preliminary": truth}, "")
    found = quality_db([adjoint, other, half], signal, truth)
    expected = {
        "adjoint": psnr(adjoint.images(signal)["final"], truth).mean().item(),
        "half": psnr(truth / 2, truth).mean().item(),
    }
    assert found == pytest.approx(expected)


def test_a_cascade_has_the_images_of_its_stages(experiment, validation):
    signal, _ = validation[0]
    configuration = {"seed_everything": 3, "data": {"training_seed": 4}}
    cascade = TrainedCascade(experiment, experiment.cascade.eval(), configuration)
    method = cascade_method(cascade, "mse", 2, "best.ckpt")
    assert (method.label, method.number, method.source) == ("mse", 2, "best.ckpt")
    assert method.seeds == Seeds(seed_everything=3, training_seed=4)
    images = method.images(signal)
    assert set(images) == set(method.image_names) == {"final", "preliminary"}
    preliminary = experiment.preliminary(signal)
    torch.testing.assert_close(images["preliminary"], preliminary)
    torch.testing.assert_close(images["final"], experiment.refinement(preliminary))
    assert not images["final"].requires_grad


@pytest.mark.parametrize("stages", [{"refinement": nn.Identity()}, {"preliminary": nn.Identity()}])
def test_a_stage_that_does_nothing_has_no_image_of_its_own(stages, validation):
    experiment = small_experiment(**stages)
    # False: nothing was seeded.
    configuration = {"seed_everything": False, "data": {"training_seed": 4}}
    cascade = TrainedCascade(experiment, experiment.cascade.eval(), configuration)
    method = cascade_method(cascade, "mse", 0, "")
    assert set(method.images(validation[0][0])) == set(method.image_names) == {"final"}
    assert method.seeds is None


def test_a_search_finds_the_best_candidate(experiment, validation):
    model = experiment.forward_model
    announced: list[str] = []
    found = tuned_solvers(["Tikhonov"], model, validation, announced.append)["Tikhonov"]
    assert announced == ["Tikhonov"]
    solver, signal = Tikhonov(model), validation[0][0]
    qualities = []
    for value in SEARCHES["Tikhonov"].candidates["relative_regularisation"]:
        solver.relative_regularisation = value
        qualities.append((mean_psnr_db(solver, validation), value))
    assert found.relative_regularisation == max(qualities)[1]
    method = classical_method("Tikhonov", found)
    solver.relative_regularisation = found.relative_regularisation
    assert torch.equal(method.images(signal)["final"], solver(signal))
    assert (method.label, method.number, method.seeds) == ("Tikhonov", 0, None)
    assert method.source == f"relative_regularisation {max(qualities)[1]:.3g}"


@ignores_edges
def test_methods_of_one_objective_are_tuned_once(experiment, validation, monkeypatch):
    admm = SEARCHES["total variation"].solver
    candidates = {"tv_weight": (0.0, 1e-3, 1.0), "l1_weight": (0.0, 1e-3)}
    search = Search(lambda model: admm(model, num_iterations=20), candidates)
    monkeypatch.setitem(methods.SEARCHES, "total variation", search)
    announced: list[str] = []
    found = tuned_solvers(["FISTA", "ADMM"], experiment.forward_model, validation, announced.append)
    assert announced == ["total variation"]
    assert [type(solver) for solver in found.values()] == [CLASSICAL[name].solver for name in found]
    tuned = {(solver.tv_weight, solver.l1_weight) for solver in found.values()}
    assert len(tuned) == 1
    # No single step away from the values is better.
    solver = search.solver(experiment.forward_model)

    def quality(tv_weight, l1_weight):
        solver.tv_weight, solver.l1_weight = tv_weight, l1_weight
        return mean_psnr_db(solver, validation)

    ((tv_weight, l1_weight),) = tuned
    best = quality(tv_weight, l1_weight)
    assert all(quality(tried, l1_weight) <= best for tried in candidates["tv_weight"])
    assert all(quality(tv_weight, tried) <= best for tried in candidates["l1_weight"])


@ignores_edges
@pytest.mark.parametrize("name", CLASSICAL)
def test_every_classical_method_has_what_its_search_tunes(experiment, name, monkeypatch):
    search = SEARCHES[CLASSICAL[name].search]
    assert all(list(tried) == sorted(tried) for tried in search.candidates.values())
    last = {attribute: tried[-1:] for attribute, tried in search.candidates.items()}
    monkeypatch.setitem(methods.SEARCHES, CLASSICAL[name].search, search._replace(candidates=last))
    nothing = [(torch.zeros(1, *experiment.forward_model.signal_shape), torch.ones(1, 1, 16, 16))]
    solver = tuned_solvers([name], experiment.forward_model, nothing, lambda name: None)[name]
    assert isinstance(solver, CLASSICAL[name].solver)
    assert {attribute: (getattr(solver, attribute),) for attribute in last} == last


def test_a_report_sets_a_cascade_beside_tikhonov_tuned_on_validation_scans():
    experiment = small_experiment(FixedTikhonov(relative_regularisation=1e-2), nn.Identity())
    model = experiment.forward_model
    cascade = TrainedCascade(experiment, experiment.cascade.eval(), {})
    test, val = (training_suite(experiment, TWO_POINTS, 64, split) for split in ("test", "val"))
    comparison = report(cascade, test, val, batch_size=64)
    assert [method.label for method in comparison.methods] == [CASCADE, "Tikhonov"]
    assert not comparison.limits and not comparison.progress
    tested, validated = (
        [(batch.signal, batch.concentration) for batch in suite.sets[0].batches(experiment)]
        for suite in (test, val)
    )
    ((signal, truth),) = validated
    tuned = tuned_solvers(["Tikhonov"], model, validated, lambda name: None)["Tikhonov"]
    found = {(result.label, *result[3:6]): result.value for result in comparison.results}
    for label, solver in ((CASCADE, Tikhonov(model, 1e-2)), ("Tikhonov", tuned)):
        expected = mean_psnr_db(solver, tested)
        assert found[label, "phantoms", "psnr_db", None] == pytest.approx(expected, rel=1e-4)
        # Those of the first batch.
        expected = mean_psnr_db(solver, [(signal, truth)])
        assert comparison.tuning_quality_db[label] == pytest.approx(expected, rel=1e-4)
    # The validation's nulls make the thresholds; those of the test are split as often as they are.
    for item in comparison.thresholds:
        assert item.num_nulls == 320 and item.threshold > 0
        split = found[item.label, "nulls", "split_at_1pct", None]
        assert split <= 0.05
        assert found[item.label, "nulls", "false_splits", None] == pytest.approx(
            item.split_at_rayleigh, abs=0.15
        )
    assert {item.label for item in comparison.thresholds} == {CASCADE, "Tikhonov"}
    (alone,) = report(cascade, test, val, classical=()).methods
    assert alone.label == CASCADE
