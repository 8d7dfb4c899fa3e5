"""The command line: which word starts what, and how a user's mistake ends."""

import signal
import sys
from difflib import get_close_matches

import wandb

from mpi_cascade.benchmark.command import main as benchmark
from mpi_cascade.calibration.command import main as calibrate
from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.command import main as compare
from mpi_cascade.export import main as export
from mpi_cascade.reconstruction.command import main as reconstruct
from mpi_cascade.results.messages import say, say_here
from mpi_cascade.simulate_matrix import main as simulate_matrix
from mpi_cascade.sweep.command import main as sweep
from mpi_cascade.training.command import CascadeCLI
from mpi_cascade.training.known_warnings import silence_known_warnings
from mpi_cascade.training.memory import keep_freed_memory
from mpi_cascade.training.processes import are_joined, ending_with_the_others

_COMMANDS = {
    "compare": compare,
    "sweep": sweep,
    "calibrate": calibrate,
    "simulate-matrix": simulate_matrix,
    "reconstruct": reconstruct,
    "benchmark": benchmark,
    "export": export,
}


def _require_command(name: str) -> None:
    names = [*CascadeCLI.subcommands(), *_COMMANDS]
    if name.startswith("-") or name in names:
        return
    similar = get_close_matches(name, names, n=1)
    hint = f"did you mean {similar[0]}?" if similar else f"use one of {', '.join(names)}"
    raise InputError(f"{name} is no command: {hint}" if name else f"no command is named: {hint}")


def main() -> None:
    """Runs the command line; a user's mistake ends it with one sentence and exit status 2."""
    silence_known_warnings()
    keep_freed_memory()
    name = "".join(sys.argv[1:2])
    try:
        if name in _COMMANDS:
            _COMMANDS[name](sys.argv[2:])
        else:
            _require_command(name)
            with ending_with_the_others():
                CascadeCLI()
    except InputError as error:
        # Once they train together, one process may be the only one that knows.
        (say_here if are_joined() else say)(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        wandb.finish()
