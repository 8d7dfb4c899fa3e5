"""Whole comparisons through the command line, on a suite of a few scans."""

import json
import math

import command_line
import numpy as np
import pytest
import torch
from experiments import small_experiment
from results import table
from scipy.stats import t

from mpi_cascade.evaluation import classical, comparison, measures, measuring, suites
from mpi_cascade.evaluation.classical import Weight
from mpi_cascade.evaluation.least_favourable import LeastFavourableCapsules
from mpi_cascade.evaluation.sets import DetectionPlan, EvaluationSet, Suite
from mpi_cascade.metrics.resolution import pair_dip
from mpi_cascade.phantoms import PhantomMixture, Rings
from mpi_cascade.phantoms.nulls import Nulls
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints
from mpi_cascade.physics.disturbances import FeedThrough
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.tikhonov import Tikhonov

SCANNER = Scanner(num_ffp_x=16, num_ffp_y=16)
ALONG_X = TwoPoints(gaps_mm=(0.3, 0.8), cases_per_gap=3)
TURNED = TwoPoints(gaps_mm=(0.3, 0.8), cases_per_gap=3, angles_deg=(0.0, 180.0))
LABELS = {
    "tiny", "tiny, preliminary", "Tikhonov", "Tikhonov, c ≥ 0", "Tikhonov, resolution", "ART",
    "zero image",
}  # fmt: skip
PAIRS, CAPSULES = "pairs along x, 0.4 mm", "capsules along x, 0.4 mm"
LEAST_FAVOURABLE = "least favourable along x, 0.4 mm"


def few_scans(scanner):
    def part(name, kind, scene, num, **conditions):
        return EvaluationSet(name=name, kind=kind, scene=scene, indices=range(num), **conditions)

    mixture, rings = PhantomMixture(), PhantomMixture({"rings": Rings()})
    gradient = {"gradient_x_t_per_m": 5.25, "gradient_y_t_per_m": 2.625}
    return Suite(
        name="few",
        sets=(
            part("phantoms", measures.PHANTOMS, mixture, 6),
            part("unseen rings", measures.PHANTOMS, rings, 4),
            part("gradient +5 %", measures.PHANTOMS, mixture, 4, true_scanner=gradient),
            part("background", measures.PHANTOMS, mixture, 4, disturbances=(FeedThrough(),)),
            part(PAIRS, measures.PAIRS, ALONG_X, 6),
            part("pairs any angle, 0.4 mm", measures.PAIRS, TURNED, 6),
            part(CAPSULES, measures.CAPSULES, Capsules(outlines=ALONG_X), 6, twin=PAIRS),
            part(
                "least favourable along x, 0.4 mm",
                measures.CAPSULES,
                LeastFavourableCapsules(outlines=ALONG_X, scanner=scanner),
                6,
                twin=PAIRS,
            ),
            part("nulls", measures.NULLS, Nulls(), 5),
            part("pairs, gradient +5 %", measures.PAIRS, ALONG_X, 6, true_scanner=gradient),
            part("nulls, gradient +5 %", measures.NULLS, Nulls(), 5, true_scanner=gradient),
            part("discs 0.4 mm", measures.DISCS, SingleDiscs(), 4),
        ),
        detection=DetectionPlan(num_nulls=20, cases_per_mass=2),
    )


def few_sweeps(model):
    return ART(model, num_sweeps=20)


@pytest.fixture
def suite(monkeypatch):
    """The few scans in place of the brief suite, and few sweeps of ART."""
    monkeypatch.setattr(suites, "brief_suite", few_scans)
    weights = {"relative_regularisation": Weight((0.01, 0.1, 1.0), noise_power=2)}
    method = classical.CLASSICAL["ART"]._replace(solver=few_sweeps, weights=weights)
    monkeypatch.setitem(classical.CLASSICAL, "ART", method)
    return few_scans(SCANNER)


@pytest.fixture
def quick(monkeypatch):
    """No pictures, and not what noise allows: both take seconds."""
    monkeypatch.setattr(comparison, "pictures", lambda *arguments: {})
    monkeypatch.setattr(measuring, "limits", lambda *arguments: [])


def cascade_of(checkpoint):
    weights = torch.load(checkpoint, weights_only=True)["state_dict"]
    cascade = small_experiment().cascade
    cascade.load_state_dict({key.removeprefix("cascade."): v for key, v in weights.items()})
    return cascade


def mean_psnr_db(method, part, image=None):
    values = []
    for batch in part.batches(small_experiment()):
        estimate = method(batch.signal)
        estimate = getattr(estimate, image) if image else estimate
        error = estimate.detach().double() - batch.concentration.double()
        values += (-10 * torch.log10(error.square().mean(dim=(1, 2, 3)))).tolist()
    return np.mean(values)


def of(rows, **wanted):
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert len(found) == 1, (wanted, found)
    return found[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the best .* lies on the edge of the search")
def test_a_comparison_of_two_seeds_and_two_classical_methods(
    checkpoints, suite, compare, monkeypatch
):
    monkeypatch.setenv("WANDB_MODE", "offline")
    directory, ended = compare(
        *(f"tiny={path}" for path in checkpoints), "--suite", "brief",
        "--classical", "Tikhonov", "ART", "--num-validation", 6, "--num-resolution", 6,
        "--batch-size", 4,
    )  # fmt: skip
    trainings, summaries = table(directory / "trainings.csv"), table(directory / "comparison.csv")
    assert_every_method_has_every_metric(trainings, summaries)
    assert_values_are_those_of_independent_code(trainings, suite, checkpoints)
    assert_seeds_are_summarised(trainings, summaries)
    sources = assert_json_tells_the_same(directory, summaries, checkpoints)
    assert_classical_methods_are_those_of_their_source(trainings, suite, sources)
    assert_limits_and_convergence(directory)
    assert_everyone_has_a_threshold(directory, trainings)
    assert_everyone_has_a_limit_of_detection(directory, trainings)
    pictures = {path.stem: path.read_bytes() for path in directory.glob("*.png")}
    names = {
        "figure1", "figure2", "resolution", "robustness", "uniformity", "time", "off_scanner",
        "detection",
    }  # fmt: skip
    assert pictures.keys() == names
    assert all(picture.startswith(b"\x89PNG") for picture in pictures.values())
    document = (directory / "comparison.md").read_text()
    seeds = {label: "2" if label.startswith("tiny") else "1" for label in LABELS}
    assert shown(document)["seeds"] == shown(ended.output)["seeds"] == seeds
    assert f"Everything lies in {directory}\n  bounds.csv\n  comparison.csv\n" in ended.output
    assert not (directory / "differences.csv").exists()
    assert len(list(directory.glob("wandb/offline-run-*/*.wandb"))) == 1


def shown(text):
    """Returns the columns of the summary table, which lies on its side, by row and method."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    end = next((n for n, row in enumerate(cells) if len(row) != len(cells[0])), None)
    return {row[0]: dict(zip(cells[0][1:], row[1:], strict=True)) for row in cells[2:end]}


def assert_every_method_has_every_metric(trainings, summaries):
    images = {(label.split(", prel")[0], "final") for label in LABELS} | {("tiny", "preliminary")}
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
        ("resolvable_gap_mm", ""), ("resolvable_gap_rayleigh_mm", ""), ("dip", "0.3"),
        ("dip", "0.8"), ("resolved", "0.3"), ("resolved_at_1pct", "0.8"), ("roc_area", "0.3"),
        ("roc_resolved_1pct", "0.8"), ("roc_resolved_5pct", "0.3"),
    }  # fmt: skip
    splits = [row for row in summaries if row["metric"] == "false_splits"]
    assert {row["gap_mm"] for row in splits} == {"", "0.3", "0.8"}
    off = "nulls, gradient +5 %"
    assert {row["set_name"] for row in splits} == {CAPSULES, LEAST_FAVOURABLE, "nulls", off}
    assert len(trainings) == len(summaries) + 2 * len(of_one[0])
    assert {row["number"] for row in trainings if row["label"] == "tiny"} == {"0", "1"}


def assert_values_are_those_of_independent_code(trainings, suite, checkpoints):
    (pairs,) = (part for part in suite.sets if part.name == PAIRS)
    for seed, path in enumerate(checkpoints):
        cascade = cascade_of(path)
        for part in suite.of_kind(measures.PHANTOMS):
            for image in ("preliminary", "final"):
                row = of(
                    trainings, label="tiny", number=str(seed), image=image, set_name=part.name,
                    metric="psnr_db",
                )  # fmt: skip
                expected = mean_psnr_db(cascade, part, image)
                assert float(row["value"]) == pytest.approx(expected, rel=1e-4)
                assert float(row["low"]) < expected < float(row["high"])
                assert int(row["num_cases"]) == len(part.indices)
        batches = pairs.batches(small_experiment(), batch_size=ALONG_X.cases_per_gap)
        for gap_mm, batch in zip(("0.3", "0.8"), batches, strict=True):
            dips = pair_dip(cascade(batch.signal).final, batch.pairs, SCANNER.field_of_view_m)
            row = of(trainings, label="tiny", number=str(seed), image="final", set_name=PAIRS,
                     metric="dip", gap_mm=gap_mm)  # fmt: skip
            assert float(row["value"]) == pytest.approx(dips.mean().item(), abs=1e-4)
            row = of(trainings, label="tiny", number=str(seed), image="final", set_name=PAIRS,
                     metric="resolved", gap_mm=gap_mm)  # fmt: skip
            assert float(row["value"]) == pytest.approx((dips >= 0.265).double().mean().item())


def assert_seeds_are_summarised(trainings, summaries):
    where = {"label": "tiny", "image": "final", "set_name": "phantoms", "metric": "psnr_db"}
    values = [float(row["value"]) for row in trainings if where.items() <= row.items()]
    assert len(set(values)) == 2
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
        assert entry["value"] == (float(row["value"]) if row["value"] else None)
    assert contents["times_per_image_s"].keys() == LABELS - {"tiny, preliminary"}
    assert all(time_s > 0 for time_s in contents["times_per_image_s"].values())
    sources = {(label, number): source for label, number, source in contents["methods"]}
    assert sources["tiny", 0] == str(checkpoints[0])
    assert sources["tiny", 1] == str(checkpoints[1])
    return sources


def assert_classical_methods_are_those_of_their_source(trainings, suite, sources):
    model = ForwardModel(SCANNER, (16, 16))
    for label, solver in (("Tikhonov", Tikhonov(model)), ("ART", few_sweeps(model))):
        for item in sources[label, 0].split(", "):
            name, value = item.split()
            setattr(solver, name, type(getattr(solver, name))(float(value)))
        row = of(trainings, label=label, image="final", set_name="phantoms", metric="psnr_db")
        # The source is rounded to three digits.
        expected = mean_psnr_db(solver, suite.sets[0])
        assert float(row["value"]) == pytest.approx(expected, abs=5e-3)


def assert_everyone_has_a_threshold(directory, trainings):
    rows = table(directory / "thresholds.csv")
    assert list(rows[0]) == [
        "label", "number", "image", "threshold", "num_nulls", "split_at_rayleigh"
    ]  # fmt: skip
    methods = {(row["label"], row["number"], row["image"]) for row in trainings}
    assert {(row["label"], row["number"], row["image"]) for row in rows} == methods
    assert {row["num_nulls"] for row in rows} == {"600"}
    for row in rows:
        threshold = float(row["threshold"])
        found = of(
            trainings, label=row["label"], number=row["number"], image=row["image"],
            set_name=PAIRS, metric="resolved_at_1pct", gap_mm="0.8",
        )  # fmt: skip
        assert threshold > 0 and 0 <= float(found["value"]) <= 1
    # By independent code, of one of them.
    model = ForwardModel(SCANNER, (16, 16))
    document = (directory / "comparison.md").read_text()
    regularisation = float(document.partition("relative_regularisation ")[2].split()[0])
    solver = Tikhonov(model, regularisation)
    dips = np.sort(np.concatenate([
        pair_dip(solver(batch.signal), batch.pairs, SCANNER.field_of_view_m).numpy()
        for batch in suites.validation_nulls().batches(small_experiment())
    ]))  # fmt: skip
    row = of(rows, label="Tikhonov")
    assert float(row["threshold"]) == pytest.approx(dips[-7], abs=2e-3)
    assert float(row["split_at_rayleigh"]) == pytest.approx((dips >= 0.265).mean(), abs=0.01)
    for heading in ("Thresholds", "Pairs against the suite's nulls", "A scanner that is off"):
        assert f"## {heading}" in document
    bounds = table(directory / "bounds.csv")
    assert {(row["set_name"], row["gap_mm"]) for row in bounds} == {(PAIRS, "0.3"), (PAIRS, "0.8")}
    assert {row["criterion"] for row in bounds} == {"resolved_at_1pct", "resolved"}
    assert len(bounds) == 2 * 2 * len({method[::2] for method in methods})


def assert_everyone_has_a_limit_of_detection(directory, trainings):
    rows = table(directory / "detection.csv")
    methods = {(row["label"], row["number"], row["image"]) for row in trainings}
    keys = [(row["label"], row["number"], row["image"]) for row in rows]
    assert keys[0] == ("ideal observer", "0", "") and rows[0]["times_ideal"] == "1.0"
    assert len(keys) == len(set(keys)) and set(keys[1:]) == methods
    assert of(rows, label="zero image")["mass_mm2"] == ""
    assert float(of(rows, label="Tikhonov")["times_ideal"]) > 0.5
    shares = table(directory / "detected.csv")
    assert len(shares) == 13 * len(rows)
    assert {float(row["share"]) for row in shares if row["label"] == "Tikhonov"} <= {0.0, 0.5, 1.0}
    assert "## Limit of detection" in (directory / "comparison.md").read_text()


def assert_limits_and_convergence(directory):
    limits = table(directory / "limits.csv")
    assert [(row["set_name"], row["gap_mm"]) for row in limits] == [(PAIRS, "0.3"), (PAIRS, "0.8")]
    steps = table(directory / "convergence.csv")
    assert {row["label"] for row in steps} == {"ART"}
    assert [int(row["iteration"]) for row in steps][:2] == [1, 2]
    times = [float(row["time_s"]) for row in steps]
    assert times == sorted(times)


@pytest.mark.usefixtures("suite", "quick")
def test_two_labels_are_compared_seed_by_seed(checkpoints, untrained, compare, tmp_path):
    other = [
        untrained(tmp_path / f"{seed}.ckpt", seed, weights, model={"learning_rate": 1e-3})
        for seed, weights in ((1, 2), (0, 3), (5, 4))
    ]
    directory, ended = compare(
        *(f"mse={path}" for path in checkpoints), *(f"l1={path}" for path in other),
        "--suite", "brief", "--classical",
    )  # fmt: skip
    note = "l1 (3 trainings) and mse (2) have 2 seeds in common: differences are over those alone"
    document = (directory / "comparison.md").read_text()
    assert ended.errors.count(note) == 1
    assert f"{note}." in document and "## Differences seed by seed" in document
    trainings = table(directory / "trainings.csv")
    where = {"image": "final", "set_name": "phantoms", "metric": "psnr_db"}
    values_db = {
        (row["label"], row["number"]): float(row["value"])
        for row in trainings
        if where.items() <= row.items()
    }
    of_seed_0 = values_db["l1", "1"] - values_db["mse", "0"]
    of_seed_1 = values_db["l1", "0"] - values_db["mse", "1"]
    del where["image"]
    row = of(table(directory / "differences.csv"), label="l1", **where)
    assert (row["reference"], row["num_seeds"]) == ("mse", "2")
    assert float(row["value"]) == pytest.approx((of_seed_0 + of_seed_1) / 2)
    half = t.ppf(0.975, 1) * abs(of_seed_0 - of_seed_1) / 2
    assert float(row["high"]) - float(row["low"]) == pytest.approx(2 * half)


@pytest.fixture
def measured(tmp_path, untrained):
    """A checkpoint for a matrix of one scanner's two harmonics, in units of its own."""
    directory = tmp_path / "calibration"
    command_line.succeed(
        "simulate-matrix", "--config", command_line.TINY, "--experiment.scanner.harmonics=[2,3]",
        "--output", directory,
    )  # fmt: skip
    matrix = {"path": str(directory / "matrix.mdf"), "is_whitened": True}
    bank = "mpi_cascade.models.preliminary.TikhonovBank"
    return untrained(
        tmp_path / "measured.ckpt", experiment={"system_matrix": matrix, "preliminary": bank}
    )


@pytest.mark.filterwarnings("ignore:the best .* lies on the edge of the search")
def test_beside_a_matrix_in_units_of_its_own_nothing_analytic_is_shown(measured, suite, compare):
    directory, ended = compare(
        f"measured={measured}", "--suite", "brief", "--classical", "Tikhonov",
        "--num-validation", 4, "--num-resolution", 4,
    )  # fmt: skip
    note = (
        "a measured system_matrix stands for the scanner: what needs its analytic model is left "
        "out, which is what noise allows and the sets gradient +5 %, least favourable along x, "
        "0.4 mm, pairs, gradient +5 %, nulls, gradient +5 %"
    )
    assert ended.errors.count(note) == 1
    document = (directory / "comparison.md").read_text()
    assert f"{note}." in document and "## What noise allows" not in document
    assert not (directory / "limits.csv").exists()
    # How little tracer is detected needs no analytic model.
    limits = table(directory / "detection.csv")
    assert 0 < float(limits[0]["concentration"]) < 1
    rows = table(directory / "comparison.csv")
    assert {row["set_name"] for row in rows} == {
        part.name
        for part in suite.sets
        if "gradient +5 %" not in part.name and part.name != LEAST_FAVOURABLE
    }
    assert all(math.isfinite(float(row["value"])) for row in rows if row["metric"] == "psnr_db")


@pytest.mark.usefixtures("suite", "quick")
def test_one_seed_without_classical_methods(checkpoints, compare):
    directory, ended = compare(f"alone={checkpoints[0]}", "--suite", "brief", "--classical")
    rows = table(directory / "comparison.csv")
    assert {row["label"] for row in rows} == {"alone", "zero image"}
    assert {row["num_seeds"] for row in rows} == {"1"}
    assert not (directory / "trainings.csv").exists()
    assert not (directory / "convergence.csv").exists()
    limits = table(directory / "detection.csv")
    assert [(row["label"], row["image"]) for row in limits] == [
        ("ideal observer", ""), ("alone", "preliminary"), ("alone", "final"),
        ("zero image", "final"),
    ]  # fmt: skip
    assert "## Convergence" not in (directory / "comparison.md").read_text()
    summary = shown(ended.output)
    assert "seeds" not in summary
    assert summary["ms per image"].keys() == {"alone", "alone, preliminary", "zero image"}
    for label, image in (("alone", "final"), ("alone, preliminary", "preliminary")):
        row = of(rows, label="alone", image=image, set_name="phantoms", metric="psnr_db")
        assert summary["PSNR / dB"][label].startswith(f"{float(row['value']):.2f} (")


@pytest.mark.slow
def test_a_training_without_a_key(tiny_run, suite, compare, monkeypatch, tmp_path):
    for name, value in (("MODE", "online"), ("API_KEY", ""), ("BASE_URL", "http://127.0.0.1:9")):
        monkeypatch.setenv(f"WANDB_{name}", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    best = tiny_run / "checkpoints" / "best.ckpt"
    directory, ended = compare(f"alone={best}", "--suite", "brief", "--classical")
    assert ended.errors.count("Weights & Biases can't be used (No API key configured") == 1
    assert len(list(directory.glob("wandb/offline-run-*/*.wandb"))) == 1
    where = {"label": "alone", "image": "final", "set_name": "phantoms", "metric": "psnr_db"}
    value_db = float(of(table(directory / "comparison.csv"), **where)["value"])
    expected = mean_psnr_db(cascade_of(best), suite.sets[0], "final")
    assert value_db == pytest.approx(expected, rel=1e-4)
