"""Commands that need a checkpoint only: it says what they use, and options change that."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from jsonargparse import set_parsing_settings

from mpi_cascade.checkpoints import read_checkpoint
from mpi_cascade.checks import Checked, InputError, PositiveInt
from mpi_cascade.commands.devices import chosen_device
from mpi_cascade.commands.parsing import check_values, parsed, typed_parser
from mpi_cascade.configurations import early_path, on_scanner
from mpi_cascade.experiment import EXPERIMENT_CLASSES, PARSER_MODE, Experiment
from mpi_cascade.phantoms.pair_suite import TwoPointSuite
from mpi_cascade.refusals import listed_classes, refusal
from mpi_cascade.results.directory import listing, make_directory, output_directory
from mpi_cascade.results.messages import say_here
from mpi_cascade.trained import TrainedCascade, with_weights_of

if TYPE_CHECKING:
    import mpi_cascade.evaluation.sets


@dataclass(frozen=True, kw_only=True)
class Splits(Checked):
    """What a training is validated and tested on.

    Args:
        two_points: The two-point suite of the test; validation has a quarter of its cases.
        num_validation: Random phantoms in the validation split.
        num_test: Random phantoms in the test split.
    """

    two_points: TwoPointSuite = TwoPointSuite()
    num_validation: PositiveInt = 256
    num_test: PositiveInt = 512

    def suite(self, experiment: Experiment, split: str) -> "mpi_cascade.evaluation.sets.Suite":
        """Returns the suite of a split, ``val``, ``test`` or ``tuning``."""
        from mpi_cascade.evaluation.suites import training_suite

        num_phantoms = self.num_test if split == "test" else self.num_validation
        size_m = experiment.scanner.field_of_view_m
        pairs = self.two_points.pairs(experiment.length_scale, size_m)
        suite = training_suite(experiment, pairs, num_phantoms, split)
        suite.check_fits(size_m)
        return suite


def run_trained(function: Callable[..., None], arguments: Sequence[str]) -> None:
    """Calls a command's function with what a checkpoint and the command line say.

    Args:
        function: The function. Its first parameters are ``checkpoint``, ``experiment`` and
            ``data``, its splits; the others are options.
        arguments: All after the command's name, the checkpoint first.

    Raises:
        InputError: If the checkpoint can't be used, or the command line not be understood.
    """
    # Relative paths in the options are those of the working directory.
    set_parsing_settings(omegaconf_absolute_to_relative_paths=True)
    parser = typed_parser(function, ("experiment", "data"), PARSER_MODE)
    parser.usage = "%(prog)s CHECKPOINT [--OPTION VALUE …] [--experiment.KEY VALUE …]"
    parser.add_argument("--config", action="config", help="configuration, YAML")
    parser.add_argument(
        "--scanner", type=Path, help="configuration of the scanner of weights for many scanners"
    )
    parser.add_class_arguments(Experiment, "experiment")
    parser.add_class_arguments(Splits, "data")
    if listed := listed_classes(arguments, EXPERIMENT_CLASSES):
        sys.stdout.write(listed)
        return
    first, stored = (*arguments, "")[0], []
    if not first or (first.startswith("-") and first not in ("-h", "--help")):
        raise InputError(f"no checkpoint is named: begin with {parser.prog} runs/…/best.ckpt")
    if not first.startswith("-"):
        path = Path(first)
        configuration = read_checkpoint(path).configuration()
        data = configuration.get("data", {})
        if scanner := early_path(arguments, "--scanner"):
            configuration["experiment"], departures = on_scanner(configuration, scanner, path)
            for sentence in departures:
                say_here(sentence)
        splits = {item.name: data[item.name] for item in fields(Splits) if item.name in data}
        kept = {"experiment": configuration["experiment"], "data": splits}
        stored = ["--config", yaml.safe_dump(kept)]
    try:
        options = vars(parsed(parser, [*stored, *arguments], EXPERIMENT_CLASSES))
    # jsonargparse and a user's own classes raise whatever they raise.
    except Exception as error:
        raise InputError(refusal(error, EXPERIMENT_CLASSES)) from error
    options.pop("config")
    options.pop("scanner")
    check_values(function, options)
    function(**options)


def trained(checkpoint: Path, experiment: Experiment, device: str) -> TrainedCascade:
    """Returns an experiment's cascade with the weights of a checkpoint.

    Args:
        checkpoint: The checkpoint.
        experiment: The experiment, as the command line may have changed it.
        device: What ``--device`` names.
    """
    read = read_checkpoint(checkpoint)
    return with_weights_of(read, experiment, read.configuration()).to(chosen_device(device))


def judge(
    name: str,
    split: str,
    checkpoint: Path,
    experiment: Experiment,
    data: Splits,
    classical: Sequence[str],
    output: Path | None,
    batch_size: int,
    device: str,
) -> None:
    """Judges a trained cascade on a split.

    Args:
        name: Name of the command.
        split: ``val`` or ``test``.
        checkpoint: The checkpoint.
        experiment: The experiment.
        data: The splits.
        classical: Classical methods beside the cascade.
        output: Directory, if one was named.
        batch_size: Scans at a time.
        device: What ``--device`` names.
    """
    from mpi_cascade.evaluation.comparison import log_comparison, write_comparison
    from mpi_cascade.evaluation.measuring import report

    # What is tuned and what gives thresholds is judged on other scans.
    suite = data.suite(experiment, split)
    validation = data.suite(experiment, "tuning" if split == "val" else "val")
    directory = output_directory(output, name)
    make_directory(directory)
    cascade = trained(checkpoint, experiment, device)
    comparison = report(cascade, suite, validation, classical, batch_size, str(checkpoint))
    log_comparison(directory, name, comparison, write_comparison(directory, comparison))
    sys.stdout.write(f"{listing(directory)}\n")
