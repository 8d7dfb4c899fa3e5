"""The command line: which word starts what, and how a user's mistake ends."""

import importlib
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches

from mpi_cascade.checks import InputError
from mpi_cascade.results.messages import say

COMMANDS = {
    "fit": "train a cascade as configurations say, and test it",
    "validate": "judge a trained cascade on validation scans",
    "test": "judge a trained cascade on test scans",
    "predict": "write the images of a trained cascade's test scans",
    "compare": "set trained cascades and classical methods side by side",
    "reconstruct": "turn a file of scans into images",
    "guarantee": "calibrate the intervals of a trained cascade's images",
    "adapt": "tune a trained cascade on your own scans, without their truth",
    "export": "write a trained cascade as ONNX and torch.export",
    "calibrate": "fit a scanner to a measured small sample",
    "simulate-matrix": "make the system matrix that a calibration would measure",
    "sweep": "search the settings of a training",
}
"""What each command does; it is ``main`` of the module of its name in ``commands``."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line; a user's mistake ends it with one sentence and exit status 2.

    Args:
        arguments: The command and its options; those of this process where none are given.
    """
    name, *options = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        if name in ("-h", "--help"):
            sys.stdout.write(_help())
            return
        _require_command(name)
        importlib.import_module(f"mpi_cascade.commands.{name.replace('-', '_')}").main(options)
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        if wandb := sys.modules.get("wandb"):
            wandb.finish()


def _help() -> str:
    lines = [f"  {name:16} {does}" for name, does in COMMANDS.items()]
    return "\n".join(
        [
            "usage: mpi-cascade COMMAND ...",
            "",
            "Cascaded networks for image reconstruction in magnetic particle imaging.",
            "",
            *lines,
            "",
            "mpi-cascade COMMAND --help shows the options of a command.",
            "",
        ]
    )


def _require_command(name: str) -> None:
    if name in COMMANDS:
        return
    similar = get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean {similar[0]}?" if similar else f"use one of {', '.join(COMMANDS)}"
    raise InputError(f"{name} is no command: {hint}")
