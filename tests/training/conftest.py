import functools
from collections.abc import Callable
from pathlib import Path

import command_line
import pytest


@pytest.fixture
def run(tmp_path, monkeypatch) -> Callable[..., Path]:
    """Runs the command line in this process and returns the run directory."""
    return functools.partial(
        command_line.run, monkeypatch, tmp_path / "runs", config=command_line.TINY
    )
