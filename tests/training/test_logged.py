import json

from command_line import TINY
from results import rows
from tiny_cascades import ANY_SCANNER, WITH_INTERVALS

from mpi_cascade.training.configuration import build, read_training
from mpi_cascade.training.logged import logged_names
from mpi_cascade.training.strategies import INTERVAL_LOSS
from mpi_cascade.training.throughput import SPEED


def built_with(*arguments):
    return build(read_training(["--config", str(TINY), *arguments]))


def test_the_names_of_a_training_over_scanners_are_known_before_it():
    overlay = json.dumps({
        "experiment": {name: ANY_SCANNER[name] for name in ("preliminary", "refinement")},
        "data": {"scanners": {"num_scanners": 2, "num_positions": [16]}},
    })  # fmt: skip
    assert "train/loss" in logged_names(built_with("--config", overlay))


def test_the_loss_of_intervals_is_among_them():
    overlay = json.dumps({"experiment": WITH_INTERVALS})
    strategy = ("--model.strategy", "IntervalsAlone")
    assert INTERVAL_LOSS in logged_names(built_with("--config", overlay, *strategy))
    assert INTERVAL_LOSS not in logged_names(built_with())


def test_the_names_are_those_that_a_training_logs(tiny_run):
    """But for Tikhonov and the zero image, which stand beside the cascade in the report."""
    built = built_with()
    others = {"epoch", "step", "lr-AdamW"}
    found = {name for row in rows(tiny_run) for name in row} - others
    found -= {name for name in found if "Tikhonov" in name or "zero image" in name}
    names = logged_names(built)
    assert len(names) == len(set(names))
    assert found <= set(names) - set(SPEED)
    # What can't be measured on so few scans is logged as NaN, or not at all.
    assert {name for name in names if name.startswith("train/")} <= found
