"""The benchmark through the command line: that it measures; no test fails on a time."""

import json
import sys
from pathlib import Path

import pytest
import torch

from mpi_cascade.benchmark.reconstruction import _times
from mpi_cascade.benchmark.simulation import measure_simulation
from mpi_cascade.benchmark.training import _Bare
from mpi_cascade.checks import InputError
from mpi_cascade.cli import main
from mpi_cascade.evaluation.methods import load_methods
from mpi_cascade.models.preliminary import SpectralInverse
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.scans.simulated import Sample
from mpi_cascade.training.module import CascadeModule

TINY = Path(__file__).parents[1] / "training" / "tiny.yaml"


def benchmark(monkeypatch, *arguments):
    threads = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    monkeypatch.setattr(sys, "argv", ["mpi_cascade", "benchmark", *map(str, arguments)])
    try:
        main()
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
def test_training_is_measured_beside_a_bare_loop(monkeypatch, capsys, tmp_path):
    path = tmp_path / "times.json"
    benchmark(monkeypatch, "training", "--config", TINY, "--json", path)
    rows = {row["name"]: row for row in json.loads(path.read_text())["rows"]}
    assert rows["fit"]["value"] > 0
    assert rows["bare loop over one batch"]["value"] > 0
    shares = [row["value"] for name, row in rows.items() if name.startswith("share of")]
    assert len(shares) == 5
    assert sum(shares) == pytest.approx(100, abs=20)
    assert "fit ÷ bare loop" in capsys.readouterr().out
    assert not path.with_suffix(".png").exists()


@pytest.mark.slow
def test_choices_train_on_the_same_batches(monkeypatch, tmp_path):
    """Without a compiler, which can't trace the tests' runtime type checks."""
    monkeypatch.setattr("mpi_cascade.benchmark.choices.shutil.which", lambda name: None)
    path = tmp_path / "choices.json"
    benchmark(monkeypatch, "choices", "--config", TINY, "--num-steps", 12, "--json", path)
    rows = {row["name"]: row for row in json.loads(path.read_text())["rows"]}
    layout = rows["loss, channels first against default, second half"]
    half = rows["loss, bf16-mixed against default, second half"]
    assert abs(layout["low"]) < 0.01
    assert abs(layout["high"]) < 0.01
    assert 0 < max(abs(half["low"]), abs(half["high"])) < 5


@pytest.mark.slow
def test_the_simulation_is_measured_beside_other_ways(monkeypatch):
    monkeypatch.setattr("mpi_cascade.benchmark.simulation.SIZES", (64,))
    rows = measure_simulation(1e11, 1e10, lambda text: None)
    names = [row.name for row in rows]
    assert "dense product ÷ forward model, 64 × 64" in names
    assert "time domain ÷ forward model, 64 × 64" in names
    assert all(row.low <= row.value <= row.high for row in rows)


def test_a_section_that_fails_loses_no_other(monkeypatch, capsys, tmp_path):
    def fail(*arguments):
        raise InputError("it fails")

    monkeypatch.setattr("mpi_cascade.benchmark.command.measure_scaling", fail)
    path = tmp_path / "times.json"
    with pytest.raises(SystemExit, match="2"):
        benchmark(monkeypatch, "scaling", "--config", TINY, "--json", path)
    assert "memory bandwidth" in capsys.readouterr().out
    assert json.loads(path.read_text())["rows"]


@pytest.mark.slow
def test_scaling_is_measured_over_pixels_batches_harmonics_and_processes(monkeypatch, tmp_path):
    monkeypatch.setattr("mpi_cascade.benchmark.scaling.SIZES", (32, 64))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    path = tmp_path / "scaling.json"
    benchmark(monkeypatch, "scaling", "--config", TINY, "--json", path)
    names = {row["name"] for row in json.loads(path.read_text())["rows"]}
    for name in (
        "exponent of forward model: cost ∝ pixelsᵃ", "fit in 1 process(es)",
        "forward model, 64 × 64, 4 harmonic(s)", "simulation, 64 × 64, batch 128",
    ):  # fmt: skip
        assert name in names
    assert path.with_suffix(".png").exists()


@pytest.mark.slow
def test_reconstruction_is_measured_beside_classical_methods():
    weights = Path(__file__).parents[2] / "weights" / "reference.ckpt"
    methods = load_methods([f"cascade={weights}"]).methods
    alternatives = [
        *methods,
        *(methods[0]._replace(label=name) for name in ("cascade in bf16", "Tikhonov", "X")),
    ]
    signal = torch.rand(2, *Scanner().signal_shape, generator=torch.Generator().manual_seed(0))
    rows = {row.name: row for row in _times(alternatives, signal, lambda text: None)}
    assert {"X, batch 2", "X ÷ cascade, batch 2", "cascade, batch 2", "Tikhonov, batch 2"} <= (
        rows.keys()
    )


def test_the_bare_loop_leaves_the_weights_of_fit_alone():
    scanner = Scanner(num_ffp_x=16, num_ffp_y=16)
    module = CascadeModule(
        SpectralInverse(scanner, (16, 16)), ResidualUNet(num_features=(8,)), learning_rate=0.1
    )
    before = [weight.clone() for weight in module.parameters()]
    images = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    bare = _Bare(module, clip_norm=1.0)
    bare.step(Sample(torch.arange(2), images, images, None))
    assert all(torch.equal(*pair) for pair in zip(module.parameters(), before, strict=True))
    moved = [not torch.equal(*pair) for pair in zip(bare.cascade.parameters(), before, strict=True)]
    assert all(moved)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["speed"], "speed is no section: use simulation, training, choices, reconstruction"),
        (["simulation", "--threads", "0"], "threads is 0: it must be 1 or more"),
        (["training", "--config", "missing.yaml"], "missing.yaml is no file"),
        (["reconstruction", "--checkpoint", "missing.ckpt"], "missing.ckpt is no file"),
        (
            ["simulation", "--json", "nowhere/times.json"],
            "nowhere/times.json is no file in",
        ),
    ],
)
def test_bad_input_is_one_sentence(arguments, message, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        benchmark(monkeypatch, *arguments)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
