"""What can't run is refused in one sentence, before any trial starts and with nothing written."""

import sys

import pytest
import yaml
from sweep_files import TINY, write_sweep_file

RATE = {"model.learning_rate": {"values": [1.0e-3, 2.0e-3]}}
CASES = {
    "unknown key": (
        {"data.batchsize": {"values": [2]}},
        "data.batchsize of {file} is no key of the configuration: the nearest is data.batch_size",
    ),
    "unknown nested key": (
        {"experiment.scanner.gradient_z_t_per_m": {"values": [2.0]}},
        "experiment.scanner.gradient_z_t_per_m of {file} is no key of the configuration: the "
        "nearest is experiment.scanner.gradient_",
    ),
    "unknown key of a chosen class": (
        {"experiment.refinement.init_args.num_feature": {"values": [[8]]}},
        "experiment.refinement.init_args.num_feature of {file} is no key of the configuration: the "
        "nearest is experiment.refinement.num_features",
    ),
    "unknown option of the optimiser": (
        {"model.optimizer_options.weight_deca": {"values": [0.1]}},
        "model.optimizer_options.weight_deca of {file} is no key of the configuration: the nearest "
        "is model.optimizer_options",
    ),
    "unknown class": (
        {**RATE, "model.strategy": {"values": ["Joint", "Stagged"]}},
        "model.strategy of {file} can't be Stagged:",
    ),
    "value of a wrong type": (
        {**RATE, "data.batch_size": {"values": [2, "many"]}},
        "data.batch_size of {file} can't be many:",
    ),
    "value that a constructor refuses": (
        {"experiment.peak_snr_db": {"value": 30}, "model.learning_rate": {"values": [1.0e-3, -1]}},
        "model.learning_rate of {file} can't be -1: model.learning_rate is -1.0: it must be ",
    ),
    "absent config": (
        {"config": {"values": ["configs/absent.yaml"]}},
        "config of {file} can't be configs/absent.yaml:",
    ),
    "nested parameters": (
        {"model": {"parameters": {"learning_rate": {"values": [1.0e-3]}}}},
        "name nested keys with dots",
    ),
    "parameter without values": ({"model.learning_rate": {"values": 3}}, "values must be a list"),
    "distribution in a grid": (
        {"model.learning_rate": {"min": 1.0e-3, "max": 1.0e-2}},
        "parameter model.learning_rate of {file} is {{'min': 0.001, 'max': 0.01}}: a grid",
    ),
}
CHANGES = {
    "unknown method": ({"method": "gird"}, "the method of {file} is gird: use grid, random, bayes"),
    "unknown metric": (
        {"metric": {"name": "val/psnr_db", "goal": "maximize"}},
        "the metric of {file} is val/psnr_db, which no training logs: the nearest that is logged "
        "is val/final/psnr_db",
    ),
    "metric of the test scans": (
        {"metric": {"name": "test/final/psnr_db", "goal": "maximize"}},
        "the metric of {file} is test/final/psnr_db, and nothing may be tuned on the test scans: "
        "search for val/final/psnr_db",
    ),
    "run_cap of none": ({"run_cap": 0}, "the run_cap of {file} is 0: it must be 1 or more trials"),
    "no metric": ({"metric": None}, "{file} names no metric"),
    "no parameters": ({"parameters": {}}, "{file} has no parameters"),
    "unknown goal": (
        {"metric": {"name": "val/final/psnr_db", "goal": "highest"}},
        "the goal of {file} is highest: use minimize or maximize",
    ),
    "target that is no number": (
        {"metric": {"name": "val/final/psnr_db", "target": "high"}},
        "the target of {file} is high: it must be a number",
    ),
    "unknown early_terminate": (
        {"early_terminate": {"type": "bandit"}},
        "early_terminate of {file} is {{'type': 'bandit'}}: use the type hyperband",
    ),
    "command of something else": ({"command": ["true"]}, "doesn't run python -m mpi_cascade fit"),
    "command with a macro of other programs": (
        {"command": ["python", "-m", "mpi_cascade", "fit", "${args_json}"]},
        "the command of {file} has ${{args_json}}, which isn't expanded here: use ${{env}}",
    ),
    "command without arguments": (
        {"command": ["python", "-m", "mpi_cascade", "fit", "--config", str(TINY)]},
        "doesn't pass its parameters on",
    ),
}


@pytest.mark.parametrize(("parameters", "sentence"), CASES.values(), ids=CASES)
def test_parameters_that_no_trial_can_have(refusal, tmp_path, parameters, sentence):
    file = write_sweep_file(tmp_path / "sweep.yaml", "grid", parameters)
    assert sentence.format(file=file) in refusal("sweep", file)


@pytest.mark.parametrize(("changes", "sentence"), CHANGES.values(), ids=CHANGES)
def test_files_that_are_no_sweep(refusal, tmp_path, changes, sentence):
    file = write_sweep_file(tmp_path / "sweep.yaml", "grid", RATE)
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **changes}))
    assert sentence.format(file=file) in refusal("sweep", file)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "can't be read (No such file"),
        ("method: [grid", "line 1: this is not valid YAML"),
        ("description: 2024-13-01", "is not valid YAML"),
        ("- grid", "holds no sweep"),
    ],
)
def test_files_that_cannot_be_read(refusal, tmp_path, content, sentence):
    file = tmp_path / "sweep.yaml"
    if content:
        file.write_text(content)
    assert sentence in refusal("sweep", file)


@pytest.mark.parametrize("option", ["--count", "--jobs"])
def test_numbers_below_one(refusal, tmp_path, option):
    file = write_sweep_file(tmp_path / "sweep.yaml", "grid", RATE)
    message = refusal("sweep", file, option, "0")
    assert f"{option} is 0: it must be greater than 0" in message


def test_a_search_without_an_end(refusal, tmp_path):
    file = write_sweep_file(tmp_path / "sweep.yaml", "random", RATE)
    message = refusal("sweep", file)
    assert "searches without an end (random): say how many trials with --count" in message


def test_a_missing_engine(refusal, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna.distributions", None)
    for name in ("definition", "searching"):
        monkeypatch.delitem(sys.modules, f"mpi_cascade.sweep.{name}", raising=False)
    file = write_sweep_file(tmp_path / "sweep.yaml", "grid", RATE)
    message = refusal("sweep", file)
    assert "sweep needs Optuna: pip install" in message
