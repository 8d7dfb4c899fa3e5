from pathlib import Path

import pytest
import sweep_files
import yaml

from mpi_cascade.sweep.definition import SweepFile, read_sweep

SHORT_TRIAL = Path(sweep_files.__file__).with_name("short_trial.py")


@pytest.fixture
def short_sweep(tmp_path):
    """Makes sweeps of trials that take a second and train nothing."""

    def make(method: str, parameters: dict, **more) -> SweepFile:
        sweep = {
            "method": method,
            "metric": {"name": "val/final/psnr_db", "goal": "maximize"},
            "parameters": parameters,
            "command": ["${env}", "${interpreter}", str(SHORT_TRIAL), "fit", "${args}"],
            **more,
        }
        path = tmp_path / "short.yaml"
        path.write_text(yaml.safe_dump(sweep))
        return read_sweep(path)

    return make
