import os
import signal

import pytest

# Lightning 2.6 calls what jsonargparse 4.53 has renamed; nothing that this project can mend.
os.environ["JSONARGPARSE_DEPRECATION_WARNINGS"] = "off"

import tiny_cascades

from mpi_cascade.physics.scanner import Scanner

# A shell that runs tests in the background has them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def small_scanner() -> Scanner:
    return Scanner(num_ffp_x=16, num_ffp_y=16)


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> tiny_cascades.Saved:
    path = tmp_path_factory.mktemp("square") / "square.ckpt"
    return tiny_cascades.saved(path, tiny_cascades.SQUARE)


@pytest.fixture(scope="session")
def trained_on_lines(tmp_path_factory) -> tiny_cascades.Saved:
    path = tmp_path_factory.mktemp("line") / "line.ckpt"
    return tiny_cascades.saved(path, tiny_cascades.LINE)
