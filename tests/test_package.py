"""The package as a whole: its public names, the README's Python, every shipped config."""

import re
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


def test_the_python_of_the_readme_makes_an_image(monkeypatch):
    monkeypatch.chdir(ROOT)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"## From Python\n\n```python\n(.*?)```", text, re.DOTALL)
    names = {}
    exec(block, names)
    final, truth = names["final"], names["truth"]
    assert names["signal"].shape[1:] == names["cascade"].experiment.forward_model.signal_shape
    assert final[truth > 0].mean() > 0.9
    assert final[truth == 0].abs().mean() < 0.01


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
    command_line.succeed("fit", *base, f"--config={config}", *command_line.SMALL, output)
