"""``fit``, ``validate``, ``test``, ``predict``: LightningCLI, a run directory and a final test."""

import signal
import sys
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException

from mpi_cascade.checks import InputError
from mpi_cascade.results.directory import make_directory
from mpi_cascade.results.messages import say
from mpi_cascade.results.tables import metrics_table
from mpi_cascade.training.callbacks import FiniteLoss, StopOnSignal
from mpi_cascade.training.checkpoints import (
    holds_training_of,
    read_checkpoint,
    require_same_architecture,
)
from mpi_cascade.training.loggers import make_loggers
from mpi_cascade.training.parsing import (
    ConfiguredCLI,
    check_trainer_options,
    check_validations,
    refusing_plainly,
)
from mpi_cascade.training.predictions import PredictionWriter
from mpi_cascade.training.processes import cluster_plugins
from mpi_cascade.training.recording import RunRecord, is_continuation
from mpi_cascade.training.reporting import Report
from mpi_cascade.training.throughput import DataClock, Throughput

MONITORED_METRIC = "val/final/psnr"


class CascadeCLI(ConfiguredCLI):
    """``fit``, ``validate``, ``test`` and ``predict``, each in a run directory of its own."""

    def __init__(self) -> None:
        self.stop: StopOnSignal | None = None
        self.best: ModelCheckpoint | None = None
        self.is_resumed = False
        super().__init__()

    def _parse_ckpt_path(self) -> None:
        """Reads the checkpoint early: what can't work ends the command before anything is made."""
        check_trainer_options(self._options.trainer, is_fit=self._name == "fit")
        path = self._options.get("ckpt_path")
        if path is None and self._name != "fit":
            raise InputError(f"{self._name} needs a trained cascade: name one with --ckpt_path")
        self.checkpoint_path = Path(path) if path else None
        self.checkpoint = read_checkpoint(self.checkpoint_path) if self.checkpoint_path else None

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Returns the trainer with the loggers and callbacks that every run has."""
        config = self._subcommand_parsers[self._name].dump(self._options, skip_none=False)
        continued = self._take_checkpoint(config)
        options = self._options.trainer
        self.run_directory = choose_run_directory(
            Path(options.default_root_dir), self._name, self.checkpoint_path if continued else None
        )
        self.trainer_defaults["callbacks"] = self._callbacks(config)
        if options.logger is None:
            kwargs["logger"] = make_loggers(
                self.run_directory, self.checkpoint if continued else None
            )
        if options.plugins is None:
            kwargs["plugins"] = cluster_plugins()
        if options.profiler is None and self._name == "fit":
            clock = DataClock()
            kwargs["profiler"] = clock
            self.trainer_defaults["callbacks"].append(Throughput(clock))
        with refusing_plainly("trainer"):
            return super().instantiate_trainer(**kwargs)

    def _take_checkpoint(self, config: str) -> bool:
        """Decides what becomes of the checkpoint; returns whether its own run goes on."""
        self.is_resumed = self._name != "fit"
        if not self.checkpoint_path or not self.checkpoint:
            return False
        require_same_architecture(self.checkpoint, self.model, self.checkpoint_path)
        if self._name != "fit":
            return False
        self.is_resumed = holds_training_of(self.checkpoint, config)
        if self.is_resumed:
            return is_continuation(self.checkpoint, self.checkpoint_path, config)
        self.model.load_state_dict(self.checkpoint["state_dict"])
        say(f"the training starts with the weights of {self.checkpoint_path}, at its first step")
        return False

    def _callbacks(self, config: str) -> list[Callback]:
        callbacks = [
            RunRecord(self.run_directory, config),
            Report(self.run_directory, self._options.report.tikhonov),
        ]
        if self._name == "predict":
            callbacks.append(PredictionWriter(self.run_directory))
        if self._name != "fit":
            return callbacks
        checkpoints = self.run_directory / "checkpoints"
        self.stop = StopOnSignal(checkpoints / "last.ckpt")
        self.best = ModelCheckpoint(
            checkpoints,
            filename="best",
            monitor=MONITORED_METRIC,
            mode="max",
            save_last=True,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )
        if self._options.trainer.logger is not False:
            callbacks.append(LearningRateMonitor())
        return [*callbacks, FiniteLoss(self.best), self.stop, self.best]

    def after_instantiate_classes(self) -> None:
        """Checks what needs all parts together, then makes the run directory."""
        if self._name == "fit":
            with refusing_plainly("model.optimizer_options"):
                self.model.make_optimizer()
            check_validations(self._options.trainer, self.datamodule, self.trainer.world_size)
        self.model.check_shapes(self.datamodule.signal_shape, self.datamodule.image_shape)
        self.datamodule.check_shares(self.trainer.world_size)
        if self.trainer.is_global_zero:
            make_directory(self.run_directory)

    def _run_subcommand(self, subcommand: str) -> None:
        """Runs the command; where a signal ended the training, says how to go on."""
        try:
            super()._run_subcommand(subcommand)
        except SIGTERMException:
            signum = signal.SIGTERM
            if self.stop and self.stop.has_saved:
                signum = self.stop.received or signum
                say(
                    f"stopped by {signum.name} after step {self.trainer.global_step}; continue "
                    f"with\n  python -m mpi_cascade fit --config "
                    f"{self.run_directory / 'config.yaml'} --ckpt_path {self.stop.checkpoint}"
                )
            # Launchers end all processes as soon as one has failed; that of rank 0 finishes last.
            sys.exit(128 + signum if self.trainer.is_global_zero else 0)

    def after_fit(self) -> None:
        """Tests the best checkpoint and says where everything lies."""
        if not self._options.trainer.fast_dev_run:
            self.trainer.test(
                self.model,
                datamodule=self.datamodule,
                ckpt_path=self._best_checkpoint(),
                weights_only=True,
                verbose=False,
            )
        self._announce()

    def _best_checkpoint(self) -> str | None:
        path = self.best.best_model_path if self.best else ""
        if path and not Path(path).is_file():
            say("there is no best checkpoint to test, so the last weights are tested")
            return None
        return path or None

    def after_validate(self) -> None:
        """Shows the metrics and says where everything lies."""
        self._announce()

    after_test = after_validate
    after_predict = after_validate

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        """Runs no code of a checkpoint; leaves out Lightning's table, with a column per loader."""
        kwargs = super()._prepare_subcommand_kwargs(subcommand)
        kwargs["weights_only"] = True
        if not self.is_resumed:
            kwargs["ckpt_path"] = None
        return {**kwargs, "verbose": False} if "verbose" in kwargs else kwargs

    @rank_zero_only
    def _announce(self) -> None:
        lines = [f"Everything lies in {self.run_directory}"]
        metrics = {key: value.item() for key, value in self.trainer.callback_metrics.items()}
        evaluated = {key: metrics[key] for key in sorted(metrics) if key.count("/") == 2}
        if evaluated:
            lines[:0] = ["", metrics_table(evaluated), ""]
        lines += [
            f"  {path.relative_to(self.run_directory)}"
            for path in sorted(self.run_directory.rglob("*"))
            if path.is_file() and "wandb" not in path.parts
        ]
        sys.stdout.write("\n".join(lines) + "\n")

    @property
    def _name(self) -> str:
        return str(self.config["subcommand"])

    @property
    def _options(self) -> Any:
        return self.config[self._name]
