"""How fast a run says it was."""

import time

from results import table


def test_a_fit_logs_its_speed_without_the_validations(fit):
    begin = time.monotonic()
    directory = fit(
        "run", "--trainer.log_every_n_steps=2", "--trainer.val_check_interval=3",
        "--trainer.callbacks+=probes.SlowSteps",
    )  # fmt: skip
    wall = time.monotonic() - begin
    logged = [row for row in table(directory / "metrics.csv") if row["throughput/data_share"]]
    assert [int(row["step"]) for row in logged] == [1, 3, 5, 7, 9, 11]
    # Two steps of four samples; each window but two holds a validation of half a second.
    seconds = [8 / float(row["throughput/samples_per_second"]) for row in logged]
    assert all(value > 0.1 for value in seconds)
    assert sum(seconds) < wall - 4 * 0.5
    assert all(0 < float(row["throughput/data_share"]) < 1 for row in logged)
