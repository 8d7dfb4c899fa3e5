"""A training that was killed, or had to make way on a cluster, ends as if nothing had happened."""

import json
import os
import subprocess
import sys
from pathlib import Path

import processes
import pytest
from results import assert_same_training, load

pytestmark = pytest.mark.slow

# Six steps an epoch, a checkpoint after every second step, the end in the tenth step.
OPTIONS = ["--data.global_batch_size=4", "--trainer.val_check_interval=2"]
LAUNCHERS = {1: "one process", 2: "lightning"}
SCRIPT = Path(__file__).parents[2] / "configs" / "devices" / "slurm.sbatch"


def signal_at(step, signum):
    return [
        "--trainer.callbacks+=probes.SignalAt", f"--trainer.callbacks.step={step - 1}",
        f"--trainer.callbacks.signum={signum}",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def never_stopped(tmp_path_factory):
    """The run directory of a training in one and in two processes."""
    root = tmp_path_factory.mktemp("never_stopped")
    return {
        count: processes.run(LAUNCHERS[count], "fit", root / str(count), *OPTIONS)
        for count in (1, 2)
    }


def assert_one_wandb_run(directory):
    """Both sessions belong to one run, which knows the metrics of the last."""
    sessions = [
        json.loads(
            subprocess.run(
                [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", session],
                capture_output=True, text=True, check=True,
            ).stdout
        )
        for session in sorted((directory / "wandb").glob("offline-run-*"))
    ]  # fmt: skip
    assert len(sessions) == 2
    assert sessions[0]["run_id"] == sessions[1]["run_id"]
    assert "test/final/psnr_db" in sessions[1]["summary"]


@pytest.mark.parametrize(("num_processes", "num_workers"), [(1, 2), (2, 0)])
def test_killed_and_resumed_equals_never_killed(
    never_stopped, tmp_path, monkeypatch, num_processes, num_workers
):
    monkeypatch.setenv("WANDB_MODE", "offline")
    launcher = LAUNCHERS[num_processes]
    options = [*OPTIONS, f"--data.num_workers={num_workers}"]
    (command,) = processes.commands(launcher, "fit", tmp_path, *options, *signal_at(10, 9))
    killed = processes.start(command)
    _, errors = killed.communicate(timeout=300)
    assert killed.returncode == -9, errors[-3000:]
    (directory,) = tmp_path.iterdir()
    checkpoint = directory / "checkpoints" / "last.ckpt"
    assert load(checkpoint)["global_step"] == 8
    # Seven steps and a validation after the checkpoint's are logged already.
    # The configuration in the checkpoint would have it killed again.
    resume = ["--resume", str(checkpoint), "--trainer.callbacks=null"]
    assert processes.run(launcher, "fit", tmp_path, *options, *resume) == directory
    assert_same_training(never_stopped[num_processes], directory)
    assert_one_wandb_run(directory)


@pytest.mark.parametrize("signum", [10, 15], ids=["time is up", "preempted"])
def test_a_slurm_job_saves_and_goes_on_when_queued_again(
    never_stopped, tmp_path, monkeypatch, signum
):
    monkeypatch.chdir(tmp_path)
    notes = tmp_path / "notes"
    fakes = processes.SUPPORT / "slurm"
    path = [str(fakes), str(Path(sys.executable).parent), os.environ["PATH"]]
    job = {
        "PATH": os.pathsep.join(path), "SCONTROL_NOTES": str(notes), "SLURM_JOB_ID": "4242",
        "SLURM_JOB_NAME": "mpi_cascade", "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NNODES": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(processes.free_port()),
    }  # fmt: skip
    command = [
        "bash", str(SCRIPT), "--config", str(processes.TINY), "--report.tikhonov=false",
        *OPTIONS, *signal_at(5, signum),
    ]  # fmt: skip
    first = processes.start(command, job)
    _, errors = first.communicate(timeout=300)
    assert first.returncode == 128 + signum, errors[-3000:]
    (directory,) = (tmp_path / "runs" / "job-4242").iterdir()
    assert load(directory / "checkpoints" / "last.ckpt")["global_step"] == 5
    # After a preemption SLURM itself queues the job again.
    assert notes.exists() == (signum == 10)
    if signum == 10:
        assert notes.read_text() == "requeue 4242\n"
    again = processes.start(command, job)
    _, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors[-3000:]
    assert list((tmp_path / "runs" / "job-4242").iterdir()) == [directory]
    assert_same_training(never_stopped[2], directory)
