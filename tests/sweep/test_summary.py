import json
import math

import optuna
import pytest
from optuna.trial import TrialState
from results import table

from mpi_cascade.sweep.figures import sweep_figures
from mpi_cascade.sweep.output import write_sweep
from mpi_cascade.sweep.study import open_sweep
from mpi_cascade.sweep.summary import settings, varying

L1, MSE = "torch.nn.L1Loss", "torch.nn.MSELoss"
PARAMETERS = {
    "model.final_loss": {"values": [L1, MSE]},
    "seed_everything": {"values": [0, 1, 2]},
    "data.batch_size": {"value": 16},
}
HISTORIES = [
    ([20.0, 24.0, 23.0], TrialState.COMPLETE),
    ([22.0, 21.0], TrialState.PRUNED),
    ([26.0], TrialState.COMPLETE),
    ([30.0], TrialState.COMPLETE),
    ([99.0], TrialState.FAIL),
]


def conclude(sweep, trial, history, state):
    for step, value in enumerate(history, start=1):
        trial.report(value, step)
    for name, value in (("seconds", 2.5), ("directory", "trials/1"), ("message", "it broke")):
        trial.set_user_attr(name, value)
    value = sweep.file.best(history) if state == TrialState.COMPLETE else None
    sweep.study.tell(trial, value, state=state)


@pytest.fixture
def sweep(tmp_path, short_sweep):
    """Two settings, one with three seeds, of which one was stopped early; and a failure."""
    with open_sweep(tmp_path / "sweep", short_sweep("grid", PARAMETERS)) as sweep:
        sweep.file.content["method"] = "random"
        drawn = [(L1, 0), (L1, 1), (L1, 2), (MSE, 0), (MSE, 1)]
        for (loss, seed), (history, state) in zip(drawn, HISTORIES, strict=True):
            sweep.study.enqueue_trial(
                {"data.batch_size": 16, "model.final_loss": loss, "seed_everything": seed}
            )
            conclude(sweep, sweep.ask(), history, state)
        yield sweep


def test_seeds_are_taken_together_best_first(sweep):
    best, other = settings(sweep)
    assert best.parameters == {"data.batch_size": 16, "model.final_loss": MSE}
    assert (best.value, best.num_seeds) == (30.0, 1)
    assert math.isnan(best.low)
    # Student's t: 24 ± 4.303 · 2 / √3.
    assert other[1:4] == (3, 1, 24.0)
    assert other[4:] == pytest.approx((19.032, 28.968), abs=1e-3)


def test_the_same_training_drawn_again_is_no_further_seed(sweep):
    sweep.study.enqueue_trial(sweep.trials[0].params)
    conclude(sweep, sweep.ask(), [25.0], TrialState.COMPLETE)
    assert settings(sweep)[1][1:4] == (3, 1, 24.0)


def test_the_lowest_is_best_where_the_metric_is_minimised(sweep):
    del sweep.file.content["metric"]["goal"]
    assert [item.value for item in settings(sweep)] == [pytest.approx(71 / 3), 30.0]


def test_tables_and_figures_are_written(sweep):
    text = write_sweep(sweep)
    assert "| MSELoss | 1 | 30 |" in " ".join(text.split())
    assert "| L1Loss | 3, 1 stopped early | 24 (19.03 … 28.97) |" in " ".join(text.split())
    document = (sweep.directory / "sweep.md").read_text()
    assert text in document
    assert "data.batch_size = 16" in document
    assert "- trial 4 (batch_size 16, final_loss MSELoss, seed_everything 1): it broke" in document
    rows = table(sweep.directory / "sweep.csv")
    assert [row["model.final_loss"] for row in rows] == [MSE, L1]
    assert float(rows[1]["low"]) == pytest.approx(19.032, abs=1e-3)
    trials = table(sweep.directory / "trials.csv")
    assert [row["val/final/psnr_db"] for row in trials] == ["24.0", "22.0", "26.0", "30.0", ""]
    assert [row["state"] for row in trials] == [
        "finished", "stopped early", "finished", "finished", "failed"
    ]  # fmt: skip
    assert (sweep.directory / "sweep.png").stat().st_size > 0
    assert (sweep.directory / "history.png").stat().st_size > 0


def test_anyone_can_read_the_study(sweep):
    """Optuna's own tools, with nothing of this package."""
    study = optuna.load_study(
        study_name="sweep", storage=f"sqlite:///{sweep.directory / 'study.db'}"
    )
    assert study.best_params["model.final_loss"] == MSE
    assert json.loads(study.user_attrs["sweep"])["method"] == "grid"


def test_names_on_axes_are_short(sweep):
    figures = sweep_figures(sweep, varying(settings(sweep)))
    (axis, colours) = figures["sweep"].axes
    assert axis.get_xlabel() == "model.\nfinal_loss"
    assert [label.get_text() for label in axis.get_xticklabels()] == ["L1Loss", "MSELoss"]
    assert axis.get_ylabel() == "val/final/psnr_db"
    assert colours.get_ylabel() == "Trial"
    assert "higher is better" in figures["history"].get_suptitle()


def test_without_a_finished_trial_there_is_no_figure(tmp_path, short_sweep):
    with open_sweep(tmp_path / "sweep", short_sweep("grid", PARAMETERS)) as sweep:
        assert sweep_figures(sweep, []) == {}
        assert (
            "No trial has logged the metric."
            in write_sweep(sweep) + (sweep.directory / "sweep.md").read_text()
        )
