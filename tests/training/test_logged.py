from command_line import TINY
from results import rows

from mpi_cascade.training.configuration import build, read_training, training_parser
from mpi_cascade.training.logged import logged_names
from mpi_cascade.training.throughput import SPEED


def test_the_names_are_those_that_a_training_logs(tiny_run):
    """But for Tikhonov and the zero image, which stand beside the cascade in the report."""
    parser = training_parser()
    built = build(parser, read_training(parser, ["--config", str(TINY)]))
    others = {"epoch", "step", "lr-AdamW"}
    found = {name for row in rows(tiny_run) for name in row} - others
    found -= {name for name in found if "Tikhonov" in name or "zero image" in name}
    names = logged_names(built)
    assert len(names) == len(set(names))
    assert found <= set(names) - set(SPEED)
    # What can't be measured on so few scans is logged as NaN, or not at all.
    assert {name for name in names if name.startswith("train/")} <= found
