from dataclasses import replace

import pytest
import torch
from experiments import small_experiment
from torch import nn

from mpi_cascade.evaluation.classical import tuned_solvers
from mpi_cascade.evaluation.measures import CAPSULES, DISCS, PAIRS, PHANTOMS
from mpi_cascade.evaluation.measuring import measure, quality_db, report, times_per_image_s
from mpi_cascade.evaluation.methods import Method, Seeds, cascade_method, zero_image
from mpi_cascade.evaluation.objectives import TuningSets, scan
from mpi_cascade.evaluation.sets import EvaluationSet, Suite
from mpi_cascade.evaluation.suites import training_suite, tuning_sets
from mpi_cascade.evaluation.table import CASCADE, results_of
from mpi_cascade.metrics.functional import psnr
from mpi_cascade.models.preliminary import FixedTikhonov
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints
from mpi_cascade.trained import TrainedCascade

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


@pytest.fixture(scope="module")
def adjoint(experiment):
    return Method("adjoint", 0, lambda u: {"final": experiment.forward_model.adjoint(u)}, "")


@pytest.fixture(scope="module")
def validation(experiment):
    return [
        (batch.signal, batch.concentration)
        for batch in tuning_sets(8, 1).phantoms.batches(experiment, batch_size=5)
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
    preliminary = experiment.cascade.first_image(signal)
    torch.testing.assert_close(images["preliminary"], preliminary)
    torch.testing.assert_close(images["final"], experiment.cascade.refined(preliminary, signal))
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


def test_a_method_is_set_for_the_noise_of_each_set(experiment, adjoint):
    def images_at(peak_snr_db):
        return lambda signal: {"final": peak_snr_db * adjoint.images(signal)["final"]}

    suite = replace(SUITE, sets=(SUITE.sets[0], replace(SUITE.sets[0], name="20", peak_snr_db=20)))
    method = adjoint._replace(images_at=images_at)
    found = results_of(measure([method], suite.sets, experiment, lambda number: None), {})
    for part in suite.sets:
        images = [
            (part.peak_snr_db * adjoint.images(sample.signal)["final"], sample.concentration)
            for sample in part.batches(experiment)
        ]
        expected = psnr(*images[0]).nanmean().item()
        (result,) = (result for result in found if result[3:5] == (part.name, "psnr_db"))
        assert result.value == pytest.approx(expected)


def test_the_zero_image_is_as_wrong_as_no_image(experiment):
    found = values([zero_image((16, 16))], experiment)
    assert found["zero image", 0, "final", "phantoms", "nrmse", None].value == pytest.approx(1)
    (sample,) = SUITE.sets[0].batches(experiment)
    power = sample.concentration.square().mean(dim=(1, 2, 3))
    expected = -10 * torch.log10(power[power > 0]).mean().item()
    assert found["zero image", 0, "final", "phantoms", "psnr_db", None].value == pytest.approx(
        expected, rel=1e-5
    )


def test_a_report_sets_a_cascade_beside_tikhonov_tuned_on_validation_scans():
    experiment = small_experiment(FixedTikhonov(relative_regularisation=1e-2), nn.Identity())
    model = experiment.forward_model
    cascade = TrainedCascade(experiment, experiment.cascade.eval(), {})
    test, val = (training_suite(experiment, TWO_POINTS, 64, split) for split in ("test", "val"))
    comparison = report(cascade, test, val, batch_size=64)
    labels = [method.label for method in comparison.methods]
    assert labels == [CASCADE, "Tikhonov", "Tikhonov, c ≥ 0", "zero image"]
    assert not comparison.limits and not comparison.progress
    tested, ((signal, truth),) = (
        [(batch.signal, batch.concentration) for batch in suite.sets[0].batches(experiment)]
        for suite in (test, val)
    )
    scans = scan(TuningSets(*val.sets[:2]), experiment)
    tuned, clamped = tuned_solvers(["Tikhonov"], model, scans, 30.0, lambda name: None)
    found = {(result.label, *result[3:6]): result.value for result in comparison.results}
    for label, solver in (
        (CASCADE, experiment.preliminary), (tuned.label, tuned.solver),
        (clamped.label, lambda signal: clamped.solver(signal).clamp_min(0)),
    ):  # fmt: skip
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
    assert {item.label for item in comparison.thresholds} == set(labels)
    alone = report(cascade, test, val, classical=()).methods
    assert [method.label for method in alone] == [CASCADE, "zero image"]
