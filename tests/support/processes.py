"""Runs of several processes, started as a user would."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from command_line import TINY

SUPPORT = Path(__file__).parent
LAUNCHERS = ("lightning", "torchrun", "two nodes")
TWO = ["--trainer.devices=2", "--trainer.strategy=ddp"]
_TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


def commands(launcher: str, subcommand: str, root: Path, *options: str) -> list[list[str]]:
    """What is to be started at the same time: one command for each node."""
    arguments = [
        "-m", "mpi_cascade", subcommand, "--config", str(TINY),
        f"--trainer.default_root_dir={root}", "--report.tikhonov=false", *options,
    ]  # fmt: skip
    if launcher == "one process":
        return [[sys.executable, *arguments]]
    if launcher == "lightning":
        return [[sys.executable, *arguments, *TWO]]
    if launcher == "torchrun":
        return [[*_TORCHRUN, "--standalone", "--nproc-per-node=2", *arguments, *TWO]]
    meeting = f"--rdzv-endpoint=127.0.0.1:{free_port()}"
    nodes = ["--trainer.num_nodes=2", "--trainer.devices=1", "--trainer.strategy=ddp"]
    return [
        [*_TORCHRUN, "--nnodes=2", f"--node-rank={node}", "--nproc-per-node=1",
         "--rdzv-backend=c10d", "--rdzv-id=test", meeting, *arguments, *nodes]
        for node in (0, 1)
    ]  # fmt: skip


def start(command: list[str], extra: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(extra or {})}
    # A W&B service of the tests' own process would think that a killed run still goes on.
    environment.pop("WANDB_SERVICE", None)
    path = [str(SUPPORT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(launcher: str, subcommand: str, root: Path, *options: str) -> Path:
    """Runs to a good end and returns the one directory that has come to be."""
    before = set(root.glob("*"))
    nodes = [start(command) for command in commands(launcher, subcommand, root, *options)]
    for node in nodes:
        _, errors = node.communicate(timeout=300)
        assert node.returncode == 0, errors[-3000:]
        assert "unused parameters" not in errors
    (directory,) = set(root.glob("*")) - before or before
    return directory


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
