"""What commands cost before they do anything, beside the libraries that they can't do without."""

import functools
from collections.abc import Sequence

from timing import Table, in_turn, run, start

from mpi_cascade.cli import COMMANDS


def commands(table: Table, names: Sequence[str] = ("", *COMMANDS), num_rounds: int = 5) -> None:
    """Measures the CPU time of each command's --help beside that of importing torch.

    Args:
        names: commands; an empty one is the command line itself
        num_rounds: rounds, each of them all in turn
    """
    imports = {name: ("-c", f"import {name}") for name in ("torch", "lightning.pytorch")}
    helps = {
        f"{name} --help".strip(): ("-m", "mpi_cascade", *name.split(), "--help") for name in names
    }
    calls = {name: functools.partial(run, *words) for name, words in (imports | helps).items()}
    costs = in_turn(calls, num_rounds, num_warm_ups=1, cost=lambda call: call())
    for name, values in costs.items():
        table.add(name, "s", values)
    for name in helps:
        table.ratio(f"{name} ÷ torch", costs[name], costs["torch"], "≤ 1.5")
    if fit := costs.get("fit --help"):
        name = "fit --help ÷ lightning.pytorch"
        table.ratio(name, fit, costs["lightning.pytorch"], "≤ 1.2")


if __name__ == "__main__":
    start(commands)
