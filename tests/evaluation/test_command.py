"""Whole comparisons through the command line, on a suite of a few scans."""

import csv
import json
import math

import command_line
import numpy as np
import pytest
import torch
from scipy.stats import t

from mpi_cascade.evaluation import command, methods
from mpi_cascade.evaluation.methods import Search
from mpi_cascade.evaluation.suites import EvaluationSet, Suite
from mpi_cascade.metrics.resolution import pair_dip
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.models.preliminary import SpectralInverse
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.phantoms import PhantomMixture, Rings
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints
from mpi_cascade.physics.disturbances import FeedThrough
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.scans.scanner_models import ScannerModels
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.tikhonov import Tikhonov

SCANNER = Scanner(num_ffp_x=16, num_ffp_y=16)
SHAPE = (16, 16)
ALONG_X = TwoPoints(gaps_mm=(0.3, 0.8), cases_per_gap=3)
TURNED = TwoPoints(gaps_mm=(0.3, 0.8), cases_per_gap=3, angles_deg=(0.0, 180.0))
PAIRS, CAPSULES = "pairs along x, 0.4 mm", "capsules along x, 0.4 mm"

needs_training = pytest.mark.slow


def few_scans(scanner):
    def pairs(kind, scene):
        return EvaluationSet(name=f"pairs {kind}", scene=scene, num_cases=6, batch_size=3)

    return Suite(
        name="few",
        phantoms=(
            EvaluationSet(name="phantoms", scene=PhantomMixture(), num_cases=6, batch_size=4),
            EvaluationSet(
                name="unseen rings", scene=PhantomMixture({"rings": Rings()}), num_cases=4
            ),
            EvaluationSet(
                name="gradient +5 %", scene=PhantomMixture(), num_cases=4,
                true_scanner={"gradient_x_t_per_m": 5.25, "gradient_y_t_per_m": 2.625},
            ),
            EvaluationSet(
                name="background", scene=PhantomMixture(), num_cases=4,
                disturbances=(FeedThrough(),),
            ),
        ),
        pairs=(pairs("along x, 0.4 mm", ALONG_X), pairs("any angle, 0.4 mm", TURNED)),
        capsules=(
            EvaluationSet(
                name=CAPSULES, scene=Capsules(outlines=ALONG_X), num_cases=6, batch_size=3,
                twin=PAIRS,
            ),
        ),
        discs=(EvaluationSet(name="discs 0.4 mm", scene=SingleDiscs(), num_cases=4),),
    )  # fmt: skip


@pytest.fixture
def suite(monkeypatch):
    """The few scans in place of the brief suite, and few sweeps of ART."""
    monkeypatch.setitem(command._SUITES, "brief", few_scans)
    candidates = {"relative_regularisation": (0.01, 0.1, 1.0), "num_sweeps": (2, 5, 10, 20)}
    monkeypatch.setitem(methods.SEARCHES, "Kaczmarz", Search(ART, candidates))
    return few_scans(SCANNER)


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def cascade_of(checkpoint):
    weights = torch.load(checkpoint, weights_only=True)["state_dict"]
    cascade = Cascade(SpectralInverse(SCANNER, SHAPE, 2, 4), ResidualUNet((8,)))
    cascade.load_state_dict({key.removeprefix("cascade."): v for key, v in weights.items()})
    return cascade


def mean_psnr_db(method, part, image=None):
    values = []
    for batch in part.batches(ScannerModels(SCANNER), SHAPE):
        estimate = method(batch.signal)
        estimate = getattr(estimate, image) if image else estimate
        error = estimate.detach().double() - batch.concentration.double()
        values += (-10 * torch.log10(error.square().mean(dim=(1, 2, 3)))).tolist()
    return np.mean(values)


def of(rows, **wanted):
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert len(found) == 1, (wanted, found)
    return found[0]


@needs_training
@pytest.mark.filterwarnings("ignore:the best .* lies on the edge of the search")
def test_a_comparison_of_two_seeds_and_two_classical_methods(checkpoints, suite, compare, capsys):
    directory = compare(
        *(f"tiny={path}" for path in checkpoints), "--suite", "brief",
        "--classical", "Tikhonov", "ART", "--num-validation", "6",
    )  # fmt: skip
    trainings, summaries = table(directory / "trainings.csv"), table(directory / "comparison.csv")
    assert_every_method_has_every_metric(trainings, summaries)
    assert_values_are_those_of_independent_code(trainings, suite, checkpoints)
    assert_seeds_are_summarised(trainings, summaries)
    sources = assert_json_tells_the_same(directory, summaries, checkpoints)
    assert_classical_methods_are_those_of_their_source(trainings, suite, sources)
    assert_limits_and_convergence(directory)
    pictures = {path.stem: path.read_bytes() for path in directory.glob("*.png")}
    assert pictures.keys() >= {"figure1", "figure2", "resolution", "robustness", "time"}
    assert all(picture.startswith(b"\x89PNG") for picture in pictures.values())
    document = (directory / "comparison.md").read_text()
    shown = capsys.readouterr().out
    for row in ("| tiny | 2 |", "| tiny, preliminary | 2 |", "| Tikhonov | 1 |", "| ART | 1 |"):
        assert row in document and row in shown
    assert str(directory) in shown
    assert len(list(directory.glob("wandb/offline-run-*/*.wandb"))) == 1


def assert_every_method_has_every_metric(trainings, summaries):
    images = {("tiny", "final"), ("tiny", "preliminary"), ("Tikhonov", "final"), ("ART", "final")}
    assert {(row["label"], row["image"]) for row in summaries} == images
    of_one = [
        [
            (r["set_name"], r["metric"], r["gap_mm"])
            for r in summaries
            if (r["label"], r["image"]) == key
        ]
        for key in images
    ]
    assert all(sorted(keys) == sorted(of_one[0]) for keys in of_one)
    assert {row["set_name"] for row in summaries} == {part.name for part in few_scans(SCANNER).sets}
    gaps = {(row["metric"], row["gap_mm"]) for row in summaries if row["set_name"] == PAIRS}
    assert gaps >= {
        ("resolvable_gap_m", ""), *((m, gap) for m in ("dip", "resolved") for gap in ("0.3", "0.8"))
    }  # fmt: skip
    splits = [row for row in summaries if row["metric"] == "false_splits"]
    assert {row["gap_mm"] for row in splits} == {"", "0.3", "0.8"}
    assert {row["set_name"] for row in splits} == {CAPSULES}
    assert len(trainings) == len(summaries) + 2 * len(of_one[0])
    assert {row["number"] for row in trainings if row["label"] == "tiny"} == {"0", "1"}


def assert_values_are_those_of_independent_code(trainings, suite, checkpoints):
    for seed, path in enumerate(checkpoints):
        cascade = cascade_of(path)
        for part in suite.phantoms:
            for image in ("preliminary", "final"):
                row = of(
                    trainings, label="tiny", number=str(seed), image=image, set_name=part.name,
                    metric="psnr_db",
                )  # fmt: skip
                expected = mean_psnr_db(cascade, part, image)
                assert float(row["value"]) == pytest.approx(expected, rel=1e-4)
                assert float(row["low"]) < expected < float(row["high"])
                assert int(row["num_cases"]) == part.num_cases
        for gap, batch in zip(
            ("0.3", "0.8"), suite.pairs[0].batches(ScannerModels(SCANNER), SHAPE), strict=True
        ):
            dips = pair_dip(cascade(batch.signal).final, batch.pairs, SCANNER.field_of_view_m)
            row = of(trainings, label="tiny", number=str(seed), image="final", set_name=PAIRS,
                     metric="dip", gap_mm=gap)  # fmt: skip
            assert float(row["value"]) == pytest.approx(dips.mean().item(), abs=1e-4)
            row = of(trainings, label="tiny", number=str(seed), image="final", set_name=PAIRS,
                     metric="resolved", gap_mm=gap)  # fmt: skip
            assert float(row["value"]) == pytest.approx((dips >= 0.265).double().mean().item())


def assert_seeds_are_summarised(trainings, summaries):
    where = {"label": "tiny", "image": "final", "set_name": "phantoms", "metric": "psnr_db"}
    values = [float(row["value"]) for row in trainings if where.items() <= row.items()]
    assert len(values) == 2
    half = t.ppf(0.975, 1) * abs(values[0] - values[1]) / 2
    row = of(summaries, **where)
    assert float(row["value"]) == pytest.approx(sum(values) / 2)
    assert float(row["low"]) == pytest.approx(sum(values) / 2 - half)
    assert float(row["high"]) == pytest.approx(sum(values) / 2 + half)
    assert (row["num_seeds"], row["num_cases"]) == ("2", "6")
    where["label"] = "ART"
    one, same = of(summaries, **where), of(trainings, **where)
    assert [one[key] for key in ("value", "low", "high")] == [
        same[key] for key in ("value", "low", "high")
    ]
    assert one["num_seeds"] == "1"


def assert_json_tells_the_same(directory, summaries, checkpoints):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    text = (directory / "comparison.json").read_text()
    contents = json.loads(text, parse_constant=refuse)
    assert contents["suite"] == "few"
    assert contents["scanner"]["num_ffp_x"] == 16
    assert contents["image_shape"] == [16, 16]
    assert len(contents["results"]) == len(summaries)
    for entry, row in zip(contents["results"], summaries, strict=True):
        assert entry["metric"] == row["metric"]
        value = math.nan if entry["value"] is None else entry["value"]
        assert value == pytest.approx(float(row["value"]), nan_ok=True)
    assert contents["times_per_image_s"].keys() == {"tiny", "Tikhonov", "ART"}
    assert all(time_s > 0 for time_s in contents["times_per_image_s"].values())
    sources = {(label, seed): source for label, seed, source in contents["methods"]}
    assert sources["tiny", 0] == str(checkpoints[0])
    assert sources["tiny", 1] == str(checkpoints[1])
    return sources


def assert_classical_methods_are_those_of_their_source(trainings, suite, sources):
    model = ForwardModel(SCANNER, SHAPE)
    for label, solver in (("Tikhonov", Tikhonov(model)), ("ART", ART(model))):
        for item in sources[label, 0].split(", "):
            name, value = item.split()
            setattr(solver, name, type(getattr(solver, name))(float(value)))
        row = of(trainings, label=label, image="final", set_name="phantoms", metric="psnr_db")
        # The source is rounded to three digits.
        expected = mean_psnr_db(solver, suite.phantoms[0])
        assert float(row["value"]) == pytest.approx(expected, abs=2e-3)


def assert_limits_and_convergence(directory):
    limits = table(directory / "limits.csv")
    assert [(row["set_name"], row["gap_mm"]) for row in limits] == [(PAIRS, "0.3"), (PAIRS, "0.8")]
    steps = table(directory / "convergence.csv")
    assert {row["label"] for row in steps} == {"ART"}
    assert [int(row["iteration"]) for row in steps][:2] == [1, 2]
    times = [float(row["time_s"]) for row in steps]
    assert times == sorted(times)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A checkpoint trained on a matrix of one scanner's two harmonics, in units of its own."""
    path = tmp_path / "matrix.mdf"
    harmonics = "--data.scanner.harmonics=[2,3]"
    command_line.command(
        monkeypatch, "simulate-matrix", path, "--config", command_line.TINY, harmonics
    )
    directory = command_line.run(
        monkeypatch, tmp_path / "runs", "fit", "--trainer.max_epochs=1", "--report.tikhonov=false",
        "--model.preliminary=mpi_cascade.models.preliminary.TikhonovBank",
        f"--data.system_matrix.path={path}", "--data.system_matrix.is_whitened=true",
        config=command_line.TINY,
    )  # fmt: skip
    return directory / "checkpoints" / "last.ckpt"


@needs_training
def test_beside_a_matrix_in_units_of_its_own_nothing_analytic_is_shown(
    measured, suite, compare, capsys
):
    directory = compare(
        f"measured={measured}", "--suite", "brief", "--classical", "Tikhonov",
        "--num-validation", "4",
    )  # fmt: skip
    note = (
        "a measured system_matrix stands for the scanner: what needs its analytic model is left "
        "out, which is what noise allows and the sets gradient +5 %"
    )
    assert capsys.readouterr().err.count(note) == 1
    document = (directory / "comparison.md").read_text()
    assert f"{note}." in document and "## What noise allows" not in document
    assert not (directory / "limits.csv").exists()
    rows = table(directory / "comparison.csv")
    assert {row["set_name"] for row in rows} == {
        part.name for part in suite.sets if part.name != "gradient +5 %"
    }
    assert all(math.isfinite(float(row["value"])) for row in rows if row["metric"] == "psnr_db")


@needs_training
def test_one_seed_without_classical_methods_and_without_a_key(
    checkpoints, suite, compare, monkeypatch, tmp_path, capsys
):
    for name, value in (("MODE", "online"), ("API_KEY", ""), ("BASE_URL", "http://127.0.0.1:9")):
        monkeypatch.setenv(f"WANDB_{name}", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    directory = compare(f"alone={checkpoints[0]}", "--suite", "brief", "--classical")
    rows = table(directory / "comparison.csv")
    assert {row["label"] for row in rows} == {"alone"}
    assert {row["num_seeds"] for row in rows} == {"1"}
    assert not (directory / "convergence.csv").exists()
    assert "## Convergence" not in (directory / "comparison.md").read_text()
    shown = capsys.readouterr()
    assert "| alone | 1 |" in shown.out
    assert shown.err.count("Weights & Biases can't be used (No API key configured") == 1
    assert len(list(directory.glob("wandb/offline-run-*/*.wandb"))) == 1
