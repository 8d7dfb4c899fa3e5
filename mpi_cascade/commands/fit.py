"""``mpi-cascade fit``: trains a cascade on simulated scans, then tests its best state."""

import sys
from collections.abc import Sequence

from mpi_cascade.checks import InputError
from mpi_cascade.results.messages import say_here
from mpi_cascade.training.known_warnings import silence_known_warnings
from mpi_cascade.training.memory import keep_freed_memory
from mpi_cascade.training.processes import are_joined, ending_with_the_others
from mpi_cascade.training.run import fit


def main(arguments: Sequence[str]) -> None:
    """Trains what the arguments describe."""
    silence_known_warnings()
    keep_freed_memory()
    try:
        with ending_with_the_others():
            fit(list(arguments))
    except InputError as error:
        if not are_joined():
            raise
        # Once they train together, one process may be the only one that knows.
        say_here(f"error: {error}")
        sys.exit(2)
