"""How fast a run says it was."""

import csv
import time

import pytest

from mpi_cascade.training.throughput import DataClock

pytestmark = pytest.mark.slow


def test_the_clock_counts_what_makes_batches_and_nothing_else():
    clock = DataClock()
    for name, pause in (
        ("[_TrainingEpochLoop].train_dataloader_next", 0.02),
        ("[Strategy]DDPStrategy.batch_to_device", 0.03),
        ("run_training_batch", 1.0),
    ):
        with clock.profile(name):
            time.sleep(pause)
    assert 0.05 <= clock.seconds < 1.0


def test_a_fit_logs_its_speed_without_the_validations(run):
    begin = time.monotonic()
    directory = run(
        "fit", "--report.tikhonov=false", "--trainer.log_every_n_steps=2",
        "--trainer.val_check_interval=3", "--trainer.callbacks+=probes.SlowSteps",
    )  # fmt: skip
    wall = time.monotonic() - begin
    with (directory / "metrics.csv").open(newline="") as file:
        logged = [row for row in csv.DictReader(file) if row["throughput/data_share"]]
    assert [int(row["step"]) for row in logged] == [1, 3, 5, 7, 9, 11]
    # Two steps of four samples; each window but two holds a validation of two seconds.
    seconds = [8 / float(row["throughput/samples_per_second"]) for row in logged]
    assert all(value > 0.6 for value in seconds)
    assert sum(seconds) < wall - 4 * 2.0
    assert all(0 < float(row["throughput/data_share"]) < 1 for row in logged)
