"""The package as a whole: its public names, every shipped config."""

from pathlib import Path

import command_line
import pytest

import mpi_cascade

ROOT = Path(__file__).parents[1]
DIRECTORY = ROOT / "configs"
CONFIGS = sorted(DIRECTORY.rglob("*.yaml"))


def test_the_public_names_are_there():
    for name in mpi_cascade.__all__:
        assert getattr(mpi_cascade, name) is not None
    assert set(dir(mpi_cascade)) >= {"load", "save", "Experiment", "Scanner", "__version__"}
    with pytest.raises(AttributeError, match="module mpi_cascade has no attribute Scaner"):
        _ = mpi_cascade.Scaner


def test_there_are_configs():
    assert {path.name for path in CONFIGS} >= {"quickstart.yaml", "reference.yaml"}


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_config_runs_a_step(config, tmp_path):
    """On a CPU, small, and not compiled: a compiler is not part of the machine.

    An overlay, in a folder of ``configs``, changes the comparison's base.
    """
    base = [] if config.parent == DIRECTORY else [f"--config={DIRECTORY / 'comparison.yaml'}"]
    output = f"--output={tmp_path / 'run'}"
    few = ["--data.scanners.num_scanners=2"] if config.stem == "any_scanner" else []
    command_line.succeed("fit", *base, f"--config={config}", *command_line.SMALL, *few, output)
