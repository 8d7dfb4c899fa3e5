"""Every benchmark at its smallest: that it measures; no test fails on a time."""

from pathlib import Path

import command_line
import pytest
import tiny_cascades
import torch
from adaptation import adaptation
from choices import choices
from commands import commands
from gpu import gpu
from plug_and_play import plug_and_play
from reconstruction import reconstruction
from scaling import scaling
from simulation import simulation
from timing import Table
from training import PlainTraining, training
from trust import trust

from mpi_cascade.checks import InputError
from mpi_cascade.training.configuration import build, read_training


@pytest.fixture
def table(tmp_path) -> Table:
    return Table(tmp_path)


def medians(table: Table) -> dict[str, float]:
    assert all(row.low <= row.median <= row.high for row in table.rows)
    return {row.name: row.median for row in table.rows}


def test_the_simulation_is_measured_beside_other_ways(table):
    simulation(table, batch_size=2, sizes=[16])
    found = medians(table)
    assert min(found.values()) > 0
    assert found.keys() >= {
        "scan, all together", "dense product S c ÷ forward model, 16 × 16",
        "time domain ÷ forward model, 16 × 16",
        "at the machine's FLOP rate ÷ forward model, 16 × 16",
    }  # fmt: skip


def test_scaling_is_measured_over_pixels_batches_and_harmonics(table):
    scaling(table, sizes=[16, 32], batch_sizes=[1, 2], num_processes=0)
    found = medians(table)
    assert found["exponent of n log n"] == pytest.approx(1.161, abs=1e-3)
    assert found.keys() >= {
        "exponent of forward model", "forward model, 64 × 64, 4 harmonic(s)",
        "simulation, 64 × 64, batch 2",
    }  # fmt: skip
    assert (table.directory / "scaling.png").is_file()


def test_choices_train_on_the_same_batches(table, monkeypatch):
    """Without a compiler, which can't trace the tests' runtime type checks."""
    monkeypatch.setattr("choices.shutil.which", lambda name: None)
    choices(table, command_line.TINY, num_steps=12)
    rows = {row.name: row for row in table.rows}
    layout = rows["loss, channels first against default, second half"]
    half = rows["loss, bf16-mixed against default, second half"]
    assert max(abs(layout.low), abs(layout.high)) < 0.01
    assert 0 < max(abs(half.low), abs(half.high)) < 5


@pytest.mark.filterwarnings("ignore:the best .* lies on the edge of the search")
def test_reconstruction_is_measured_beside_classical_methods(table, tmp_path):
    checkpoint = tiny_cascades.saved(tmp_path / "tiny.ckpt", tiny_cascades.SQUARE).checkpoint
    reconstruction(
        table, checkpoint, classical=["Tikhonov"], batch_size=2, num_tuning=2, num_rounds=1
    )
    assert medians(table).keys() >= {
        "cascade, 2 images", "cascade in bf16, batch 1", "Tikhonov, batch 2",
        "Tikhonov ÷ cascade in bf16, batch 2",
    }  # fmt: skip


def test_a_trained_network_is_plugged_between_exact_steps(table, tmp_path):
    checkpoint = tiny_cascades.saved(tmp_path / "tiny.ckpt", tiny_cascades.SQUARE).checkpoint
    plug_and_play(table, checkpoint, [1e-2, 1e6], [1, 2], num_images=2)
    found = medians(table)
    assert list(found) == [
        "no step", "1 step(s), λ = 0.01", "1 step(s), λ = 1e+06", "2 step(s), λ = 0.01",
        "2 step(s), λ = 1e+06",
    ]  # fmt: skip
    # Where the scan counts for nothing, one step is what the cascade does.
    assert found["1 step(s), λ = 1e+06"] == pytest.approx(found["no step"], abs=1e-3)
    assert found["1 step(s), λ = 0.01"] != pytest.approx(found["no step"], abs=1e-3)


def test_nothing_is_plugged_into_what_sees_the_signal(table, tmp_path):
    checkpoint = tiny_cascades.saved(tmp_path / "any.ckpt", tiny_cascades.ANY_SCANNER).checkpoint
    with pytest.raises(InputError, match="sees the signal already"):
        plug_and_play(table, checkpoint)


def test_a_training_batch_is_measured_on_a_device(table):
    gpu(
        table, "cpu", command_line.TINY, batch_size=2, images=[1, 3], classical=["Tikhonov"],
        compilers=[], num_rounds=1,
    )  # fmt: skip
    found = medians(table)
    assert found["launches, simulation"] > 80 and found["launches, forward and backward"] > 80
    assert found["both, bf16"] > 0 and found["Tikhonov ÷ fastest cascade, batch 3"] > 0
    # Who computes itself has nothing to wait for.
    assert found["time until the call is back, both, float32"] > 50
    lines = (table.directory / "gpu.csv").read_text().splitlines()
    assert len(lines) == 1 + len(table.rows) and lines[1].startswith('"launches, simulation",')
    assert "| both, bf16" in (table.directory / "gpu.md").read_text()


def test_where_there_is_no_gpu_none_is_measured(table, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(InputError, match=r"^--device is cuda, but torch sees 0 GPUs here"):
        gpu(table)


@pytest.mark.slow
def test_the_pair_test_is_measured_beside_the_dip_and_an_ideal_observer(table, tmp_path):
    checkpoint = tiny_cascades.saved(tmp_path / "tiny.ckpt", tiny_cascades.SQUARE).checkpoint
    trust(table, checkpoint, gaps_mm=[0.3], num_cases=2, num_nulls=3)
    assert medians(table)["a pair"] > 0
    lines = (table.directory / "cases.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == [
        *["nulls"] * 3, *["pairs 0.3 mm"] * 2, *["capsules 0.3 mm"] * 2
    ]  # fmt: skip
    assert "| 0.3" in (table.directory / "trust.md").read_text()


def test_adaptation_is_measured_on_scans_that_it_was_given_and_on_others(table, tmp_path):
    checkpoint = tiny_cascades.saved(tmp_path / "tiny.ckpt", tiny_cascades.SQUARE).checkpoint
    adaptation(table, checkpoint, scanners=[], percents=[5], num_seen=8, num_others=4, num_steps=2)
    assert min(medians(table).values()) > 0
    text = (table.directory / "adaptation.md").read_text()
    assert all(f"| {name}" in text for name in ("as believed", "gradient +5 %", "core +5 %"))
    assert (table.directory / "cases.csv").is_file()


@pytest.mark.slow
def test_commands_are_measured_beside_what_they_import(table):
    commands(table, names=["fit"], num_rounds=1)
    aims = {row.name: row.aim for row in table.rows if row.aim}
    assert aims == {"fit --help ÷ torch": "≤ 1.5", "fit --help ÷ lightning.pytorch": "≤ 1.2"}


@pytest.mark.slow
def test_training_is_measured_beside_a_bare_loop(table):
    training(table, command_line.TINY, batch_size=4, num_rounds=2)
    found = medians(table)
    assert min(found["fit"], found["bare loop over one batch"]) > 0
    assert 0 < found["share of moving and simulating data in fit"] < 100


@pytest.mark.slow
def test_scaling_is_measured_over_processes(table):
    scaling(table, command_line.TINY, sizes=[16, 32], batch_sizes=[1], num_processes=1)
    assert medians(table)["fit in 1 process(es)"] > 0


def test_the_bare_loop_leaves_the_weights_of_fit_alone():
    module, data, _ = build(read_training([f"--config={command_line.TINY}"]))
    before = [weight.clone() for weight in module.parameters()]
    bare = PlainTraining(module)
    bare.step(data.training_samples(2), share=0.5)
    assert all(torch.equal(*pair) for pair in zip(module.parameters(), before, strict=True))
    moved = [not torch.equal(*pair) for pair in zip(bare.module.parameters(), before, strict=True)]
    assert all(moved)


def test_every_script_is_tested():
    scripts = Path(__file__).parents[2] / "benchmarks"
    tested = {name for name in globals() if (scripts / f"{name}.py").is_file()}
    assert tested == {path.stem for path in scripts.glob("*.py")} - {"launches", "timing"}
