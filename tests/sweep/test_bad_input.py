"""What can't run is refused in one sentence, before any trial starts and with nothing written."""

import sys

import pytest
import yaml
from sweep_files import TINY, write_sweep_file

from mpi_cascade.cli import main

RATE = {"model.learning_rate": {"values": [1.0e-3, 2.0e-3]}}
CASES = {
    "unknown key": (
        {"data.batchsize": {"values": [2]}},
        "data.batchsize of {file} is no key of the configuration: the nearest is data.batch_size",
    ),
    "unknown nested key": (
        {"data.scanner.gradient_z_t_per_m": {"values": [2.0]}},
        "data.scanner.gradient_z_t_per_m of {file} is no key of the configuration: the nearest is "
        "data.scanner.gradient_",
    ),
    "unknown key of a chosen class": (
        {"model.refinement.init_args.num_feature": {"values": [[8]]}},
        "model.refinement.init_args.num_feature of {file} is no key of the configuration: the "
        "nearest is model.refinement.num_features",
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
        {"data.peak_snr_db": {"value": 30}, "model.learning_rate": {"values": [1.0e-3, -1]}},
        "model.learning_rate of {file} can't be -1: learning_rate is -1.0: it must be greater",
    ),
    "absent config": (
        {"config": {"values": ["configs/absent.yaml"]}},
        "config of {file} can't be configs/absent.yaml:",
    ),
    "nested parameters": (
        {"model": {"parameters": {"learning_rate": {"values": [1.0e-3]}}}},
        "name nested keys with dots",
    ),
    "parameter without values": ({"model.learning_rate": {"values": 3}}, "grid can't search that"),
    "distribution in a grid": (
        {"model.learning_rate": {"min": 1.0e-3, "max": 1.0e-2}},
        "parameter model.learning_rate of {file} is {{'min': 0.001, 'max': 0.01}}: grid can't",
    ),
}
CHANGES = {
    "unknown method": ({"method": "gird"}, "the method of {file} is gird: use grid, random, bayes"),
    "unknown metric": (
        {"metric": {"name": "val/psnr", "goal": "maximize"}},
        "the metric of {file} is val/psnr, which no training logs: the nearest that is logged is "
        "val/final/psnr",
    ),
    "metric of the test scans": (
        {"metric": {"name": "test/final/psnr", "goal": "maximize"}},
        "the metric of {file} is test/final/psnr, and nothing may be tuned on the test scans: "
        "search for val/final/psnr",
    ),
    "run_cap of none": ({"run_cap": 0}, "the run_cap of {file} is 0: it must be 1 or more trials"),
    "no metric": ({"metric": None}, "{file} names no metric"),
    "no parameters": ({"parameters": {}}, "{file} has no parameters"),
    "unknown goal": (
        {"metric": {"name": "val/final/psnr", "goal": "highest"}},
        "{file} is no sweep that wandb's engine takes: 'highest' is not one of",
    ),
    "command of something else": ({"command": ["true"]}, "doesn't run python -m mpi_cascade fit"),
    "command without arguments": (
        {"command": ["python", "-m", "mpi_cascade", "fit", "--config", str(TINY)]},
        "doesn't pass its parameters on",
    ),
}


def refusal(monkeypatch, capsys, *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["mpi_cascade", "sweep", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    return message


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("parameters", "sentence"), CASES.values(), ids=CASES.keys())
def test_parameters_that_no_trial_can_have(folder, monkeypatch, capsys, parameters, sentence):
    file = write_sweep_file(folder / "sweep.yaml", "grid", parameters)
    assert sentence.format(file=file) in refusal(monkeypatch, capsys, str(file))
    assert list(folder.iterdir()) == [file]


@pytest.mark.parametrize(("changes", "sentence"), CHANGES.values(), ids=CHANGES.keys())
def test_files_that_are_no_sweep(folder, monkeypatch, capsys, changes, sentence):
    file = write_sweep_file(folder / "sweep.yaml", "grid", RATE)
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **changes}))
    assert sentence.format(file=file) in refusal(monkeypatch, capsys, str(file))
    assert list(folder.iterdir()) == [file]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "can't be read: No such file"),
        ("method: [grid", "is no YAML"),
        ("- grid", "holds no sweep"),
    ],
)
def test_files_that_cannot_be_read(folder, monkeypatch, capsys, content, sentence):
    file = folder / "sweep.yaml"
    if content:
        file.write_text(content)
    assert sentence in refusal(monkeypatch, capsys, str(file))


@pytest.mark.parametrize("option", ["--count", "--jobs"])
def test_numbers_below_one(folder, monkeypatch, capsys, option):
    file = write_sweep_file(folder / "sweep.yaml", "grid", RATE)
    message = refusal(monkeypatch, capsys, str(file), option, "0")
    assert f"{option} is 0: it must be 1 or more" in message


def test_a_search_without_an_end(folder, monkeypatch, capsys):
    file = write_sweep_file(folder / "sweep.yaml", "random", RATE)
    message = refusal(monkeypatch, capsys, str(file))
    assert "searches without an end (random): say how many trials with --count" in message
    assert list(folder.iterdir()) == [file]


def test_a_missing_engine(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sweeps", None)
    monkeypatch.setitem(sys.modules, "sweeps.params", None)
    file = write_sweep_file(folder / "sweep.yaml", "grid", RATE)
    message = refusal(monkeypatch, capsys, str(file))
    assert "sweeps need wandb's search engine: pip install" in message
