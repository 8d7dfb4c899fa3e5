"""The package as a whole: what it imports, and that every shipped config runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from mpi_cascade.cli import main

DIRECTORY = Path(__file__).parents[1] / "configs"
CONFIGS = sorted(DIRECTORY.rglob("*.yaml"))


def test_importing_the_package_imports_neither_lightning_nor_wandb():
    code = "import mpi_cascade, sys; print([m for m in ('lightning', 'wandb') if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_there_are_configs():
    assert {path.name for path in CONFIGS} >= {"quickstart.yaml", "reference.yaml"}


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_config_runs_a_step(config, monkeypatch, tmp_path):
    """On a CPU, small, and not compiled: a compiler is not part of the machine.

    An overlay, in a folder of ``configs``, changes the comparison's base.
    """
    base = [] if config.parent == DIRECTORY else [f"--config={DIRECTORY / 'comparison.yaml'}"]
    arguments = [
        "--trainer.accelerator=cpu", "--trainer.callbacks=null", "--trainer.fast_dev_run=true",
        f"--trainer.default_root_dir={tmp_path}", "--data.batch_size=2",
        "--data.samples_per_epoch=2", "--data.evaluation_batch_size=2", "--data.num_validation=4",
        "--data.num_test=4", "--data.two_points.cases_per_gap=4",
        "--data.image_shape=[32,32]", "--data.scanner.num_ffp_x=32", "--data.scanner.num_ffp_y=32",
    ]  # fmt: skip
    monkeypatch.setattr(
        sys, "argv", ["mpi_cascade", "fit", *base, f"--config={config}", *arguments]
    )
    main()
