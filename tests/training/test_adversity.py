"""What happens around a training doesn't end it: no server, no key, no space."""

import subprocess
import sys

import processes
import pytest
from results import load, rows

pytestmark = pytest.mark.slow

KEY = 40 * "a"
WARNING = "the run is logged offline to"


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"WANDB_API_KEY": KEY, "WANDB_INIT_TIMEOUT": "3"}, "Failed to get resume status"),
        ({"WANDB_API_KEY": ""}, "No API key configured"),
    ],
    ids=["no server", "no key"],
)
def test_a_run_goes_on_offline_where_weights_and_biases_cannot_be_used(
    tmp_path, environment, reason
):
    environment |= {"WANDB_MODE": "online", "HOME": str(tmp_path)}
    environment["WANDB_BASE_URL"] = f"http://127.0.0.1:{processes.free_port()}"
    (command,) = processes.commands("one process", "fit", tmp_path / "runs")
    process = processes.start(command, environment)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-3000:]
    (sentence,) = [line for line in errors.splitlines() if WARNING in line]
    assert sentence.startswith(f"Weights & Biases can't be used ({reason}")
    (directory,) = (tmp_path / "runs").iterdir()
    assert len(list((directory / "wandb").glob("offline-run-*/*.wandb"))) == 1
    assert (directory / "report" / "comparison.json").is_file()


def in_a_small_disk(tmp_path, size, *options):
    """Runs ``fit`` on a disk of a size that only it sees, and keeps what lies there afterwards."""
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    (command,) = processes.commands("one process", "fit", disk / "runs", *options)
    mount = f"mount -t tmpfs -o size={size} tmpfs {disk}"
    script = f'{mount} && "$@"; status=$?; cp -r {disk} {kept}; exit $status'
    process = processes.start(
        ["unshare", "--map-root-user", "--mount", "bash", "-c", script, "bash", *command],
        {"WANDB_MODE": "offline"},
    )
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors, kept / "runs"


@pytest.fixture
def _mount():
    """Skips where the system doesn't let a user mount a disk of their own."""
    command = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if sys.platform != "linux" or subprocess.run(command, check=False).returncode:
        pytest.skip("no disk can be mounted here")


@pytest.mark.usefixtures("_mount")
def test_a_disk_that_fills_up_does_not_end_a_training(tmp_path):
    """It fills up in the second of four epochs; the checkpoints of the first stay whole."""
    status, errors, runs = in_a_small_disk(
        tmp_path, "8M", "--trainer.max_epochs=4", "--trainer.callbacks+=probes.FillDisk",
        f"--trainer.callbacks.directory={tmp_path / 'disk'}", "--trainer.callbacks.step=9",
    )  # fmt: skip
    assert status == 0, errors[-3000:]
    assert "Traceback" not in errors
    for name in ("checkpoints/last.ckpt", "metrics.csv", "report", "a figure of the validation"):
        assert f"{name} can't be written (No space left on device)" in errors
    assert errors.count("metrics.csv can't be written") == 1
    (directory,) = runs.iterdir()
    assert load(directory / "checkpoints" / "last.ckpt")["global_step"] == 6
    assert len([row for row in rows(directory) if "train/loss" in row]) >= 6
    assert "max_epochs: 4" in (directory / "config.yaml").read_text()


@pytest.mark.usefixtures("_mount")
def test_a_disk_that_is_full_from_the_start_is_refused(tmp_path):
    status, errors, runs = in_a_small_disk(tmp_path, "100k")
    assert status == 2
    assert "can't be written (No space left on device): choose another directory" in errors
    assert not [path for path in runs.rglob("*") if path.is_file()]
