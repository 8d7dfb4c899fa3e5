"""The configuration of a training: its parser, and what it builds."""

import re
import sys
from argparse import HelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml
from jsonargparse import (
    ArgumentParser,
    Namespace,
    set_parsing_settings,
)
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger
from torch import nn
from torch.optim import Optimizer

from mpi_cascade.checkpoints import read_checkpoint
from mpi_cascade.checks import Checked, InputError
from mpi_cascade.configurations import early_path, with_shipped_configs
from mpi_cascade.experiment import EXPERIMENT_CLASSES, PARSER_MODE, Experiment
from mpi_cascade.refusals import key_homes, listed_classes, refusal, with_keys
from mpi_cascade.training.callbacks import CompileRefinement
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.strategies import Strategy

CLASSES = MappingProxyType({
    **EXPERIMENT_CLASSES,
    **key_homes(("mpi_cascade.losses",), nn.Module, "model.final_loss", "model.preliminary_loss"),
    **key_homes(("mpi_cascade.training.strategies",), Strategy, "model.strategy"),
    **key_homes(("mpi_cascade.training.schedules",), Checked, "model.schedule"),
    **key_homes(("torch.optim",), Optimizer, "model.optimizer"),
    **key_homes(("lightning.pytorch.loggers",), Logger, "trainer.logger"),
    **key_homes(("lightning.pytorch.callbacks",), Callback, "trainer.callbacks"),
})  # fmt: skip
"""Where the classes are that a configuration may name."""

_CHOICES = re.compile(r",\s+known\s+subclasses:[^)]*")
_MOST_CHOICES = 12
_NOTHING = re.compile(".*arguments are required: .*experiment.refinement, experiment.preliminary")
_MOST_SEED = 2**32 - 1

_UNFIT = ("16-true", "bf16-true", "64", "64-true")
"""Precisions that the physics can't work in."""


_OPTIONS: tuple[tuple[str, Any, Any, str], ...] = (
    ("output", Path | None, None, "Directory of the run (a new one in trainer.default_root_dir)."),
    ("resume", Path | None, None, "Checkpoint of a training to go on with, as it is configured."),
    ("weights", Path | None, None, "Checkpoint whose weights a new training starts from."),
    ("seed_everything", int, 0, "Seed of the first weights and of all else that a training draws."),
    ("report.tikhonov", bool, True, "Whether the report sets tuned Tikhonov beside the cascade."),
)  # fmt: skip


class Built(NamedTuple):
    """What a configuration describes.

    Attributes:
        module: The networks and how they are trained.
        data: The scans.
        trainer: Arguments of the trainer.
    """

    module: CascadeModule
    data: SimulatedDataModule
    trainer: dict[str, Any]


class _Parser(ArgumentParser):
    """A parser whose help doesn't list every class of torch."""

    def format_help(self, formatter: HelpFormatter | None = None) -> str:
        """Returns the help, with the classes to choose from where they are few."""
        return _CHOICES.sub(_few, super().format_help(formatter))


def _few(choices: re.Match[str]) -> str:
    return choices[0] if choices[0].count(",") <= _MOST_CHOICES else ""


def training_parser() -> ArgumentParser:
    """Returns the parser of ``fit``, what users set first at its top."""
    set_parsing_settings(omegaconf_absolute_to_relative_paths=True)
    parser = _Parser(
        prog="mpi-cascade fit",
        usage="%(prog)s --config FILE [--config FILE …] [--KEY VALUE …]",
        description="Trains a cascade on simulated scans, then tests its best state. Later "
        "--config files and options win over earlier ones.",
        parser_mode=PARSER_MODE,
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("-c", "--config", action="config", help="Configuration, YAML.")
    for name, kind, default, text in _OPTIONS:
        parser.add_argument(f"--{name}", type=kind, default=default, help=text)
    parser.add_class_arguments(Experiment, "experiment", sub_configs=True)
    for section, made in (("model", CascadeModule), ("data", SimulatedDataModule)):
        parser.add_class_arguments(
            made, section, skip={"experiment"}, instantiate=False, sub_configs=True
        )
    parser.add_class_arguments(
        Trainer, "trainer", instantiate=False, fail_untyped=False, sub_configs=True
    )
    parser.set_defaults({
        "trainer.default_root_dir": "runs", "trainer.gradient_clip_val": 1.0,
        "trainer.enable_model_summary": False,
    })  # fmt: skip
    return parser


def read_training(arguments: Sequence[str]) -> Namespace:
    """Returns the configuration of a command line of ``fit``.

    With ``--resume`` it starts from the configuration in that checkpoint.

    Args:
        arguments: All after ``fit``.

    Raises:
        InputError: If the parser refuses a key or a value, or the checkpoint can't be used.
    """
    if listed := listed_classes(arguments, CLASSES):
        sys.stdout.write(listed)
        sys.exit(0)
    arguments = with_shipped_configs(arguments)
    if resumed := early_path(arguments, "--resume"):
        configuration = read_checkpoint(resumed).configuration()
        arguments = ["--config", yaml.safe_dump(configuration), *arguments]
    parser = training_parser()
    try:
        config: Namespace = parser.parse_args(list(arguments))
    # jsonargparse raises its own errors, and those of the readers of YAML and of classes.
    except Exception as error:
        sentence = refusal(error, CLASSES, parser.get_defaults().keys())
        if _NOTHING.match(sentence):
            raise InputError(
                "fit has no configuration: begin with mpi-cascade fit --config "
                "configs/quickstart.yaml"
            ) from error
        raise InputError(f"{sentence} (mpi-cascade fit --help shows the options)") from error
    _check(config)
    return config


def description(config: Namespace) -> str:
    """Returns a resolved configuration as YAML text, without what one command alone is told."""
    kept = config.clone()
    for name in ("config", "output", "resume", "weights"):
        kept.pop(name, None)
    return training_parser().dump(kept, skip_none=False, skip_link_targets=True)


def build(config: Namespace) -> Built:
    """Returns what a configuration describes.

    Args:
        config: The configuration.

    Raises:
        InputError: If a constructor refuses a value.
    """
    with refusing_plainly("the configuration can't be built"):
        parts = training_parser().instantiate_classes(config)
        module = CascadeModule(parts.experiment, **parts.model)
        if parts.data.scanners is not None:
            # Before their factorisations, which take minutes.
            module.check_many_scanners()
            _check_callbacks(parts.trainer.callbacks)
        data = SimulatedDataModule(parts.experiment, **parts.data)
    with refusing_plainly("model.optimizer_options"):
        module.make_optimizer()
    return Built(module, data, dict(parts.trainer))


def _check_callbacks(callbacks: Sequence[Callback] | Callback | None) -> None:
    """Raises an InputError if stage 2 is to be compiled for one scanner of several."""
    given = [callbacks] if isinstance(callbacks, Callback) else callbacks or ()
    if any(isinstance(callback, CompileRefinement) for callback in given):
        raise InputError(
            "trainer.callbacks has CompileRefinement, which compiles stage 2 for one scanner, and "
            "data.scanners has several: leave it out (--trainer.callbacks null)"
        )


@contextmanager
def refusing_plainly(what: str) -> Iterator[None]:
    """Turns whatever a class of anyone's raises about its arguments into an InputError.

    Args:
        what: The key of the configuration that holds the arguments.
    """
    try:
        yield
    except InputError as error:
        raise InputError(with_keys(str(error))) from error
    except Exception as error:
        raise InputError(f"{what}: {refusal(error, CLASSES)}") from error


def check_validations(trainer: Trainer, data: SimulatedDataModule) -> None:
    """Raises an InputError if a validation is asked for after more batches than an epoch has.

    Args:
        trainer: The trainer.
        data: The scans.
    """
    interval = trainer.val_check_interval
    num_batches = len(data.training_batches(0, trainer.world_size))
    if isinstance(interval, int) and interval > num_batches and trainer.check_val_every_n_epoch:
        raise InputError(
            f"trainer.val_check_interval is {interval}: an epoch has {num_batches} batches, so "
            "make it smaller, or set trainer.check_val_every_n_epoch to null to count over epochs"
        )


def _check(config: Namespace) -> None:
    """Raises an InputError for options that can't work here."""
    if config.resume and config.weights:
        raise InputError(
            "--resume goes on with a training and --weights starts a new one: give one of them"
        )
    if not 0 <= config.seed_everything <= _MOST_SEED:
        raise InputError(
            f"seed_everything is {config.seed_everything}: it must lie in 0 … {_MOST_SEED}"
        )
    options = config.trainer
    if str(options.precision) in _UNFIT:
        raise InputError(
            f"trainer.precision is {options.precision}: the physics needs 32-true, 16-mixed or "
            "bf16-mixed"
        )
    if options.enable_checkpointing is False:
        raise InputError(
            "trainer.enable_checkpointing is False: a fit ends with the test of its best "
            "checkpoint, so leave it on"
        )
    if options.max_steps == -1 and (options.max_epochs == -1 or (
        options.max_epochs is None and options.max_time is not None
    )):  # fmt: skip
        raise InputError(
            "the training has no end that the schedule could aim at: set trainer.max_epochs or "
            "trainer.max_steps"
        )
    for name in ("max_steps", "max_epochs"):
        if options[name] == 0:
            raise InputError(f"trainer.{name} is 0: a training needs a step at least")
