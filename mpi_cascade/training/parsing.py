"""The configuration as a parser: what every command reads, and what it would build from it.

Must not know what is done with networks and data.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

from jsonargparse import set_parsing_settings
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

from mpi_cascade.checks import InputError
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.parts import link_stages

_UNFIT = ("16-true", "bf16-true", "64", "64-true")
"""Precisions that the physics can't work in."""


def check_trainer_options(options: Any, is_fit: bool) -> None:
    """Raises an InputError for trainer options that can't work here.

    Args:
        options: The part ``trainer`` of a configuration.
        is_fit: Whether they are those of a ``fit``.
    """
    if str(options.precision) in _UNFIT:
        raise InputError(
            f"trainer.precision is {options.precision}: the physics needs 32-true, 16-mixed or "
            "bf16-mixed"
        )
    if is_fit and options.enable_checkpointing is False:
        raise InputError(
            "trainer.enable_checkpointing is False: a fit ends with the test of its best "
            "checkpoint, so leave it on"
        )
    for name in ("max_steps", "max_epochs"):
        if is_fit and options[name] == 0:
            raise InputError(f"trainer.{name} is 0: a training needs a step at least")


def check_validations(options: Any, data: SimulatedDataModule, world_size: int) -> None:
    """Raises an InputError if a validation is asked for after more batches than an epoch has.

    Args:
        options: The part ``trainer`` of a configuration.
        data: The scans.
        world_size: Number of processes.
    """
    interval, num_batches = options.val_check_interval, len(data.training_batches(0, world_size))
    if isinstance(interval, int) and interval > num_batches and options.check_val_every_n_epoch:
        raise InputError(
            f"trainer.val_check_interval is {interval}: an epoch has {num_batches} batches, so "
            "make it smaller, or set trainer.check_val_every_n_epoch to null to count over epochs"
        )


@contextmanager
def refusing_plainly(what: str) -> Iterator[None]:
    """Turns whatever a class of anyone's raises about its arguments into an InputError.

    Args:
        what: The key of the configuration that holds the arguments.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{what}: {' '.join(str(error).split())}") from error


class PlainParser(LightningArgumentParser):
    """A parser whose errors are a sentence, not a page of options."""

    def print_usage(self, file: Any = None) -> None:
        """Prints nothing: ``--help`` shows the options."""


class ConfiguredCLI(LightningCLI):
    """LightningCLI with this project's networks, data and options.

    Args:
        parser_class: Class of the parsers.
    """

    def __init__(self, parser_class: type[LightningArgumentParser] = PlainParser) -> None:
        set_parsing_settings(omegaconf_absolute_to_relative_paths=True)
        super().__init__(
            CascadeModule,
            SimulatedDataModule,
            save_config_callback=None,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            trainer_defaults={"default_root_dir": "runs", "gradient_clip_val": 1.0},
            parser_kwargs={
                "parser_mode": "omegaconf+",
                "prog": "python -m mpi_cascade",
                "description": "Train and judge cascades. More subcommands: compare sets "
                "trained cascades and classical methods side by side, sweep searches settings, "
                "calibrate fits a scanner to a measured sample, simulate-matrix makes a system "
                "matrix, reconstruct turns a file of scans into images, benchmark times everything "
                "on this machine, export writes a cascade as ONNX; each has a --help of its own.",
            },
            parser_class=parser_class,
            seed_everything_default=0,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Gives the data's physics and image grid to the stages that ask for them."""
        parser.add_argument(
            "--report.tikhonov",
            type=bool,
            default=True,
            help="Whether the report sets tuned Tikhonov beside the cascade.",
        )
        link_stages(parser)


class Built(NamedTuple):
    """What a command would run.

    Attributes:
        model: The networks and how they are trained.
        data: The scans.
        keys: Every key of the resolved configuration.
    """

    model: CascadeModule
    data: SimulatedDataModule
    keys: list[str]


class CommandReader(ConfiguredCLI):
    """Reads command lines of ``fit`` as the command line does, and runs nothing."""

    def __init__(self) -> None:
        super().__init__(_RaisingParser)

    @property
    def keys(self) -> list[str]:
        """Every key that has a meaning whichever classes are chosen."""
        actions = self._subcommand_parsers["fit"]._actions
        return [action.dest for action in actions if action.dest != "help"]

    def read(self, arguments: Sequence[str]) -> Built:
        """Returns what a command line builds.

        Args:
            arguments: All after ``python -m mpi_cascade``.

        Raises:
            InputError: If the parser or a constructor refuses a key or a value.
        """
        config = self.parser.parse_args(list(arguments))
        check_trainer_options(config.fit.trainer, is_fit=True)
        with refusing_plainly("the configuration can't be built"):
            parts = self.parser.instantiate_classes(config).fit
            model, data = parts.model, parts.data
            model.check_shapes(data.signal_shape, data.image_shape)
            model.make_optimizer()
        return Built(model, data, list(config.fit.keys()))

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Waits for ``read``."""
        self.config = {"subcommand": None}

    def _set_seed(self) -> None:
        """Leaves the random numbers of this process alone."""

    def instantiate_classes(self) -> None:
        """Waits for ``read``."""


class _RaisingParser(PlainParser):
    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise InputError(" ".join(message.split()))
