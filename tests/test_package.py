"""The package as a whole: what it imports, and that every shipped config runs."""

import subprocess
import sys
from pathlib import Path

import command_line
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


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["comapre"], "error: comapre is no command: did you mean compare?"),
        (["fti", "--config", "x.yaml"], "error: fti is no command: did you mean fit?"),
        ([], "error: no command is named: use one of fit, validate, test, predict, compare, sweep"),
    ],
)
def test_a_word_that_is_no_command_is_refused(words, sentence, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mpi_cascade", *words])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert sentence in capsys.readouterr().err


def test_there_are_configs():
    assert {path.name for path in CONFIGS} >= {"quickstart.yaml", "reference.yaml"}


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_config_runs_a_step(config, monkeypatch, tmp_path):
    """On a CPU, small, and not compiled: a compiler is not part of the machine.

    An overlay, in a folder of ``configs``, changes the comparison's base.
    """
    base = [] if config.parent == DIRECTORY else [f"--config={DIRECTORY / 'comparison.yaml'}"]
    arguments = [*command_line.SMALL, f"--trainer.default_root_dir={tmp_path}"]
    monkeypatch.setattr(
        sys, "argv", ["mpi_cascade", "fit", *base, f"--config={config}", *arguments]
    )
    main()
