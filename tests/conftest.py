import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Before torch is imported: pytest-xdist keeps every core busy with a process of its own.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"
# Large pages, where the C library knows them: a fifth of the time went into small ones.
os.environ["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"
# Starting a run takes seconds: where Weights & Biases is what is tested, the test says "offline".
os.environ["WANDB_MODE"] = "disabled"
# Lightning 2.6 calls what jsonargparse 4.53 has renamed; nothing that this project can mend.
os.environ["JSONARGPARSE_DEPRECATION_WARNINGS"] = "off"
# Processes of pytest-xdist have it, and no terminal.
os.environ.pop("COLUMNS", None)

import command_line
import tiny_cascades
import torch
from experiments import small_experiment
from results import contents

from mpi_cascade.cli import main
from mpi_cascade.evaluation.guaranteeing import calibrate
from mpi_cascade.experiment import Experiment
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.trained import save

torch.set_num_threads(1)
# A shell that runs tests in the background has them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Refuses what would make a test depend on another machine, as an audit hook."""
    if event == "socket.connect" and isinstance(address := arguments[1], tuple):
        assert address[0] in ("127.0.0.1", "::1", "localhost"), f"a test calls {address[0]}"


sys.addaudithook(_refuse_network)


@pytest.fixture
def small_scanner() -> Scanner:
    return Scanner(num_ffp_x=16, num_ffp_y=16)


@pytest.fixture(scope="session")
def experiment() -> Experiment:
    """That of ``tiny.yaml``, which no test may change."""
    return small_experiment()


@pytest.fixture
def refusal(tmp_path, monkeypatch) -> Callable[..., str]:
    """Runs a command in a directory where it must leave nothing, as it must be refused."""
    monkeypatch.chdir(tmp_path)

    def refuse(*arguments: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        message = command_line.refusal(*arguments)
        assert sorted(tmp_path.rglob("*")) == before
        return message

    return refuse


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> tiny_cascades.Saved:
    path = tmp_path_factory.mktemp("square") / "square.ckpt"
    return tiny_cascades.saved(path, tiny_cascades.SQUARE)


@pytest.fixture(scope="session")
def with_intervals(tmp_path_factory) -> tiny_cascades.Saved:
    """A cascade whose intervals have a guarantee, of 60 scans."""
    path = tmp_path_factory.mktemp("intervals") / "intervals.ckpt"
    plain = tiny_cascades.saved(path, tiny_cascades.WITH_INTERVALS)
    found = calibrate(plain.cascade, 60, 0.1, 0.1, 20, lambda num: None)
    cascade = plain.cascade._replace(guarantee=found.guarantee)
    save(cascade, path)
    return plain._replace(cascade=cascade)


@pytest.fixture(scope="session")
def trained_on_lines(tmp_path_factory) -> tiny_cascades.Saved:
    path = tmp_path_factory.mktemp("line") / "line.ckpt"
    return tiny_cascades.saved(path, tiny_cascades.LINE)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of the one training that all tests share, and none changes: 12 steps."""
    directory = tmp_path_factory.mktemp("trained") / "run"
    config = Path(__file__).parent / "training" / "tiny.yaml"
    main(["fit", "--config", str(config), "--output", str(directory)])
    before = contents(directory)
    yield directory
    assert contents(directory) == before
