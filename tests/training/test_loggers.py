import pytest
from results import table

from mpi_cascade.training.loggers import MetricsFile, make_loggers


def contents(directory):
    return [{k: v for k, v in row.items() if v} for row in table(directory / "metrics.csv")]


def log(metrics_file, *steps):
    for step in steps:
        metrics_file.log_metrics({"loss": 10.0 * step}, step)
        metrics_file.save()


def test_nothing_is_prepared_for_a_weights_and_biases_that_is_disabled(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(
        "mpi_cascade.training.loggers.start_run", lambda *_, **__: started.append(1)
    )
    monkeypatch.setenv("WANDB_MODE", "disabled")
    (alone,) = make_loggers(tmp_path, {})
    assert isinstance(alone, MetricsFile) and not started
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert len(make_loggers(tmp_path, {})) == 2 and started


def test_a_new_column_keeps_the_rows_before(tmp_path):
    metrics_file = MetricsFile(tmp_path)
    log(metrics_file, 0, 1)
    metrics_file.log_metrics({"psnr": 30.0}, 1)
    metrics_file.save()
    log(metrics_file, 2)
    assert contents(tmp_path) == [
        {"loss": "0.0", "step": "0"}, {"loss": "10.0", "step": "1"},
        {"psnr": "30.0", "step": "1"}, {"loss": "20.0", "step": "2"},
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == [tmp_path / "metrics.csv"]


@pytest.mark.parametrize("torn", ["", "3", "30.0", "30.0,1"])
def test_a_run_that_was_killed_while_it_wrote_is_continued(tmp_path, torn):
    log(MetricsFile(tmp_path), 0, 1, 2)
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write(torn)
    log(MetricsFile(tmp_path, resume_step=2), 2, 3)
    assert [row["step"] for row in contents(tmp_path)] == ["0", "1", "2", "3"]


def test_a_file_is_whole_again_when_it_can_be_written_again(tmp_path, capsys):
    directory = tmp_path / "run"
    directory.mkdir()
    metrics_file = MetricsFile(directory)
    log(metrics_file, 0)
    directory.rename(tmp_path / "away")
    log(metrics_file, 1, 2)
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "metrics.csv can't be written (No such file or directory): training goes on" in sentence
    (tmp_path / "away").rename(directory)
    log(metrics_file, 3)
    assert [row["step"] for row in contents(directory)] == ["0", "1", "2", "3"]
