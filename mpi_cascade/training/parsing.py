"""The configuration as a parser: what every command reads, and what it would build from it.

Must not know what is done with networks and data.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from jsonargparse import set_parsing_settings
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

from mpi_cascade.checks import InputError
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.parts import link_stages


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
        try:
            parts = self.parser.instantiate_classes(config).fit
            model, data = parts.model, parts.data
            model.check_shapes(data.signal_shape, data.image_shape)
            model.make_optimizer()
        except InputError:
            raise
        # A class of anyone's may refuse its arguments in its own way.
        except Exception as error:
            raise InputError(" ".join(str(error).split())) from error
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
