import csv
import math
from dataclasses import replace

import pytest

from mpi_cascade.sweep.figures import sweep_figure
from mpi_cascade.sweep.output import write_sweep
from mpi_cascade.sweep.record import State, Trial, open_record
from mpi_cascade.sweep.summary import Setting, settings


@pytest.fixture
def record(tmp_path, short_sweep):
    """Two settings, one with three seeds, of which one was stopped early; and a failure."""
    file = short_sweep(
        "grid",
        {
            "model.final_loss": {"values": ["torch.nn.L1Loss", "torch.nn.MSELoss"]},
            "seed_everything": {"values": [0, 1, 2]},
            "data.batch_size": {"value": 16},
        },
    )
    trials = [
        ("torch.nn.L1Loss", 0, [20.0, 24.0, 23.0], State.FINISHED),
        ("torch.nn.L1Loss", 1, [22.0], State.STOPPED),
        ("torch.nn.L1Loss", 2, [math.nan, 26.0], State.FINISHED),
        ("torch.nn.MSELoss", 0, [30.0], State.FINISHED),
        ("torch.nn.MSELoss", 1, [99.0], State.FAILED),
    ]
    with open_record(tmp_path / "sweep", file) as record:
        for number, (loss, seed, history, state) in enumerate(trials, start=1):
            parameters = {
                "data.batch_size": 16, "model.final_loss": loss, "seed_everything": seed
            }  # fmt: skip
            trial = Trial(number=number, parameters=parameters, state=state, message="it broke")
            record.trials.append(trial)
            run = record.directory_of(trial) / "fit-1"
            run.mkdir(parents=True)
            rows = "".join(f"{step},{value}\n" for step, value in enumerate(history))
            # The last line is still being written: it is no value yet.
            (run / "metrics.csv").write_text(f"step,val/final/psnr\n{rows}9,77")
        yield record


def test_seeds_are_taken_together_best_first(record):
    best, other = settings(record)
    assert best.parameters == {"data.batch_size": 16, "model.final_loss": "torch.nn.MSELoss"}
    assert (best.value, best.num_seeds) == (30.0, 1)
    assert math.isnan(best.low)
    # Student's t: 24 ± 4.303 · 2 / √3.
    assert other[1:4] == (3, 1, 24.0)
    assert other[4:] == pytest.approx((19.032, 28.968), abs=1e-3)


def test_the_same_training_drawn_again_is_no_further_seed(record):
    repeated = replace(record.trials[0], number=6)
    record.trials.append(repeated)
    run = record.directory_of(repeated) / "fit-1"
    run.mkdir(parents=True)
    (run / "metrics.csv").write_text("step,val/final/psnr\n0,24.0\n")
    assert settings(record)[1][1:4] == (3, 1, 24.0)


def test_the_lowest_is_best_where_the_metric_is_minimised(record):
    del record.file.config["metric"]["goal"]
    assert [item.value for item in settings(record)] == [pytest.approx(22.667, abs=1e-3), 30.0]


def test_tables_and_figure_are_written(record):
    table = write_sweep(record)
    assert "| MSELoss | 1 | 30 |" in table
    assert "| L1Loss | 3, 1 stopped early | 24 (19.03 … 28.97) |" in table
    document = (record.directory / "sweep.md").read_text()
    assert table in document
    assert "data.batch_size = 16" in document
    assert "- trial 5 (batch_size 16, final_loss MSELoss, seed_everything 1): it broke" in document
    with (record.directory / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["model.final_loss"] for row in rows] == ["torch.nn.MSELoss", "torch.nn.L1Loss"]
    assert float(rows[1]["low"]) == pytest.approx(19.032, abs=1e-3)
    with (record.directory / "trials.csv").open(newline="") as file:
        trials = list(csv.DictReader(file))
    assert [row["val/final/psnr"] for row in trials] == ["24.0", "22.0", "26.0", "30.0", ""]
    assert (record.directory / "sweep.png").stat().st_size > 0


def make_settings(*parameters: dict) -> list[Setting]:
    return [
        Setting(values, 3, 0, 30.0 - rank, 29.0 - rank, 31.0 - rank)
        for rank, values in enumerate(parameters)
    ]


def test_names_have_a_row_each_best_on_top():
    found = make_settings({"model.strategy": "Staged"}, {"model.strategy": "Joint"})
    (axis,) = sweep_figure(found, "val/final/psnr", True, set()).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["Staged", "Joint"]
    assert axis.yaxis_inverted()
    assert axis.get_xlabel() == "val/final/psnr / dB (mean and 95 % interval)"


def test_numbers_have_an_axis_each_and_names_a_colour():
    rates = [10 ** (-4 + number / 5) for number in range(11)]
    found = make_settings(
        *({"rate": rate, "batch": 8 * (1 + number % 2), "loss": f"L{number % 3}"}
          for number, rate in enumerate(rates))
    )  # fmt: skip
    figure = sweep_figure(found, "val/final/ssim", True, {"rate"})
    rate, batch = figure.axes
    assert (rate.get_xlabel(), rate.get_xscale()) == ("rate", "log")
    assert [label.get_text() for label in batch.get_xticklabels()] == ["8", "16"]
    assert rate.get_ylabel() == "val/final/ssim (mean and 95 % interval)"
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    assert labels == {"best", "L0", "L1", "L2"}
