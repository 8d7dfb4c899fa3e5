"""One training: its directory, loggers and callbacks, what it goes on from, and its report."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.pytorch import Callback, seed_everything
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities.exceptions import SIGTERMException

from mpi_cascade.checkpoints import Checkpoint, read_checkpoint
from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.comparison import write_comparison
from mpi_cascade.evaluation.expectation import expected_resolution
from mpi_cascade.evaluation.measuring import report
from mpi_cascade.evaluation.suites import training_suite
from mpi_cascade.evaluation.table import logged
from mpi_cascade.evaluation.thresholds import ROC_METRICS
from mpi_cascade.results.directory import listing, make_directory, new_directory, output_directory
from mpi_cascade.results.messages import going_on_without, process_rank, say
from mpi_cascade.results.progress import Progress, is_terminal
from mpi_cascade.trained import TrainedCascade
from mpi_cascade.training.callbacks import FiniteLoss, StopOnSignal, StoppableTrainer
from mpi_cascade.training.configuration import (
    Built,
    build,
    check_validations,
    description,
    read_training,
    refusing_plainly,
)
from mpi_cascade.training.costs import check_costs
from mpi_cascade.training.figures import ValidationFigures
from mpi_cascade.training.loggers import make_loggers
from mpi_cascade.training.processes import cluster_plugins, leave_the_others
from mpi_cascade.training.progress import ProgressLines
from mpi_cascade.training.recording import RunRecord
from mpi_cascade.training.throughput import Throughput

_SHARING = ("batch_size", "global_batch_size", "evaluation_batch_size", "num_workers")
"""What of ``data`` a training may change when it is resumed."""


def fit(arguments: list[str]) -> None:
    """Trains what a command line describes, tests it, and says where everything lies.

    Args:
        arguments: All after ``fit``.

    Raises:
        InputError: If something can't work; as far as can be known, before anything is made.
    """
    config = read_training(arguments)
    seed_everything(config.seed_everything, workers=True)
    built = build(config)
    text = description(config)
    directory, continued = _start(config, built, text)
    metric, mode = built.module.strategy.monitored
    stop = StopOnSignal(directory / "checkpoints" / "last.ckpt")
    # Not save_last, which writes last.ckpt only where best.ckpt is written, too.
    best, last = (
        ModelCheckpoint(
            directory / "checkpoints", filename=name, monitor=monitored, mode=mode,
            save_on_train_epoch_end=False, enable_version_counter=False,
        )
        for name, monitored in {"best": metric, "last": None}.items()
    )  # fmt: skip
    callbacks = [
        RunRecord(directory, text), ValidationFigures(), Throughput(built.data),
        FiniteLoss(last), stop, best, last,
    ]  # fmt: skip
    if not is_terminal():
        built.trainer["enable_progress_bar"] = False
        callbacks.append(ProgressLines(Progress(None), metric))
    trainer = _trainer(built.trainer, callbacks)
    costs = check_costs(built.module, built.data, trainer, config.report.tikhonov)
    check_validations(trainer, built.data)
    built.data.check_shares(trainer.world_size)
    if process_rank() == 0:
        make_directory(directory)
        say(costs)
        if built.data.experiment.system_matrix is None:
            say(expected_resolution(built.data.experiment, built.data.pairs))
    if _has_usual_loggers(built.trainer):
        trainer.loggers = make_loggers(directory, continued)
    try:
        trainer.fit(built.module, built.data, ckpt_path=config.resume, weights_only=True)
    except SIGTERMException:
        _end(trainer, stop)
    leave_the_others()
    if trainer.is_global_zero:
        _finish(trainer, built, directory, best, config, text)


def _start(config: Namespace, built: Built, text: str) -> tuple[Path, Mapping[str, Any]]:
    """Returns a training's directory, and what the checkpoint of a run that goes on there holds."""
    if path := config.weights:
        read_checkpoint(path).give_weights(built.module.cascade, optional=("intervals.",))
        say(f"the training starts with the weights of {path}, at its first step")
    if not config.resume:
        return _new_directory(config), {}
    path, checkpoint = config.resume, read_checkpoint(config.resume)
    checkpoint.give_weights(built.module.cascade)
    if not checkpoint.contents.get("optimizer_states"):
        raise InputError(
            f"{path} holds weights, and no state of a training: start from them with --weights"
        )
    _require_same_training(stored_description(checkpoint), text, path)
    own = path.parent.parent
    is_own = path.name == "last.ckpt" and (own / "config.yaml").is_file()
    if is_own and config.output in (None, own):
        return own, checkpoint.contents
    return _new_directory(config), {}


def _new_directory(config: Namespace) -> Path:
    directory = config.output or new_directory("fit", Path(config.trainer.default_root_dir))
    # The first process alone writes into it, and may have begun to.
    return output_directory(directory, "fit") if process_rank() == 0 else directory


def stored_description(checkpoint: Checkpoint) -> str:
    """Returns the configuration inside a checkpoint as this version writes it.

    Args:
        checkpoint: The checkpoint.

    Raises:
        InputError: If there is none, or this version doesn't understand it.
    """
    stored = yaml.safe_dump(checkpoint.configuration())
    return description(read_training(["--config", stored]))


def _require_same_training(stored: str, text: str, path: Path) -> None:
    """Raises an InputError unless a checkpoint's training is as configured."""
    earlier, now = (yaml.safe_load(part) for part in (stored, text))
    for section in ("experiment", "model", "data"):
        for name in sorted(earlier[section].keys() | now[section].keys()):
            was, found = earlier[section].get(name), now[section].get(name)
            if was != found and not (section == "data" and name in _SHARING):
                raise InputError(
                    f"{section}.{name} is not what the training of {path} has: resume it as it "
                    "was, or start a new one from its weights with --weights"
                )


def _trainer(options: dict[str, Any], callbacks: list[Callback]) -> StoppableTrainer:
    """Returns the trainer, whose usual loggers wait for a directory."""
    options = dict(options)
    if options["logger"] is not False and not options["fast_dev_run"]:
        callbacks = [LearningRateMonitor(), *callbacks]
    if options["logger"] in (None, True):
        options["logger"] = False
    options["callbacks"] = [*(options["callbacks"] or []), *callbacks]
    options["plugins"] = options["plugins"] or cluster_plugins()
    if options["strategy"] == "ddp":
        # The only buffers are constants, up to an inverse matrix of 4096².
        options["strategy"] = DDPStrategy(broadcast_buffers=False)
    with refusing_plainly("trainer"):
        return StoppableTrainer(**options)


def _has_usual_loggers(options: Mapping[str, Any]) -> bool:
    """Whether a run is logged as usual: unless someone names loggers, or takes but a step."""
    return options["logger"] in (None, True) and not options["fast_dev_run"]


def _end(trainer: StoppableTrainer, stop: StopOnSignal) -> None:
    """Ends the process as the signal would, and says how to go on."""
    signum = signal.SIGTERM
    if stop.has_saved:
        signum = stop.received or signum
        say(
            f"stopped by {signum.name} after step {trainer.global_step}; continue with\n"
            f"  mpi-cascade fit --resume {stop.checkpoint}"
        )
    # Launchers end all processes as soon as one has failed; that of rank 0 finishes last.
    sys.exit(128 + signum if trainer.is_global_zero else 0)


def _finish(
    trainer: StoppableTrainer,
    built: Built,
    directory: Path,
    best: ModelCheckpoint,
    config: Namespace,
    text: str,
) -> None:
    """Tests the best state of a training, writes its report and says where everything lies."""
    cascade = built.module.cascade
    if trainer.fast_dev_run:  # type: ignore[attr-defined]
        sys.stdout.write(f"{listing(directory)}\n")
        return
    path = Path(best.best_model_path)
    if best.best_model_path and path.is_file():
        read_checkpoint(path).give_weights(cascade)
    else:
        say("there is no best checkpoint to test, so the last weights are tested")
    data = built.data
    trained = TrainedCascade(data.experiment, cascade.eval(), yaml.safe_load(text))
    suite = training_suite(data.experiment, data.pairs, data.num_test, "test")
    comparison = report(
        trained.to(trainer.strategy.root_device), suite, data.validation,
        ["Tikhonov"] * config.report.tikhonov, data.evaluation_batch_size,
    )  # fmt: skip
    results = [item for item in comparison.results if item.metric not in ROC_METRICS]
    _log(trainer.loggers, logged(results, "test"), trainer.global_step)
    place = directory / "report"
    with going_on_without(place):
        place.mkdir(exist_ok=True)
        write_comparison(place, comparison)
    sys.stdout.write(f"{listing(directory)}\n")


def _log(loggers: list[Logger], values: Mapping[str, float], step: int) -> None:
    for logger in loggers:
        logger.log_metrics(dict(values), step)
        logger.save()
