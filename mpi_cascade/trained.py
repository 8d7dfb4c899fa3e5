"""Trained cascades: networks, their weights, what they were trained for, and their guarantee."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor

from mpi_cascade.checkpoints import CONFIG_KEY, Checkpoint, read_checkpoint, write_checkpoint
from mpi_cascade.checks import InputError
from mpi_cascade.configurations import build_experiment, built, is_for_any_scanner, on_scanner
from mpi_cascade.experiment import Experiment
from mpi_cascade.guarantee.guarantee import Guarantee, weights_text
from mpi_cascade.models.cascade import Cascade, Reconstruction
from mpi_cascade.results.files import refusing_unwritable
from mpi_cascade.scans.simulated import SimulatedScans
from mpi_cascade.scans.varied import ScannerSpread

if TYPE_CHECKING:
    from mpi_cascade.guarantee.intervals import Intervals

GUARANTEE_KEY = "mpi_cascade_guarantee"
"""Key of a checkpoint that holds the guarantee of its intervals, where there is one."""


class TrainedCascade(NamedTuple):
    """A cascade with the weights of a training, ready to reconstruct.

    Attributes:
        experiment: What it was trained for.
        cascade: The networks.
        configuration: The whole configuration of the training.
        departures: In what the scanner leaves those of the training, a sentence each.
        guarantee: The calibration of its intervals, if there is one.
    """

    experiment: Experiment
    cascade: Cascade
    configuration: dict[str, Any]
    departures: Sequence[str] = ()
    guarantee: Guarantee | None = None

    @torch.no_grad()
    def __call__(self, signal: Tensor | NDArray[np.floating[Any]]) -> Reconstruction:
        """Returns the preliminary and the final image of each scan, (batch, 1, y, x).

        Args:
            signal: Signals, (batch, channel, y, x) on the FFP grid, in the unit of the training.
        """
        values = torch.as_tensor(signal, dtype=torch.float32)
        return self.cascade(values.to(self.device))

    @property
    def intervals(self) -> "Intervals":
        """What gives the intervals of its images.

        Raises:
            InputError: If they have no guarantee, or one for other weights or another scanner.
        """
        if self.cascade.intervals is None:
            raise InputError(
                "these weights have no network of the uncertainty, and so no intervals: train one "
                "with --config configs/training/intervals.yaml --weights CHECKPOINT"
            )
        if self.guarantee is None:
            raise InputError(
                "the intervals of these weights have no guarantee: calibrate them with "
                "mpi-cascade guarantee CHECKPOINT"
            )
        for name, text in guarantee_texts(self).items():
            if text != getattr(self.guarantee, name):
                others = "another scanner" if name == "scanner" else "other weights"
                raise InputError(
                    f"the guarantee of the intervals was calibrated for {others}: calibrate it "
                    "again with mpi-cascade guarantee CHECKPOINT"
                )
        # SciPy takes a while to import, and few who load a cascade need it.
        from mpi_cascade.guarantee.intervals import Intervals

        return Intervals(self.cascade, self.experiment.forward_model, self.guarantee)

    def scans_like_training(self) -> SimulatedScans:
        """Returns the simulator of this scanner's scans, with noise and errors as in the training.

        Of a measured S no scanners are known that are a little off, so there all are as it is.
        """
        data = self.configuration.get("data") or {}
        snr_db, is_spread = data.get("training_snr_db"), data.get("scanner_spread")
        is_spread = is_spread and self.experiment.system_matrix is None
        spread = built(ScannerSpread, "scanner_spread", data, "training") if is_spread else None
        scans = self.experiment.varied_scans(spread, snr_db and tuple(snr_db))
        return scans.to(self.device)

    @property
    def device(self) -> torch.device:
        """Where the networks compute."""
        return self.experiment.forward_model.device

    def to(self, device: torch.device | str) -> "TrainedCascade":
        """Moves the networks and the physics that they know to a device."""
        self.cascade.to(device)
        self.experiment.forward_model.to(device)
        return self


def load(
    path: Path | str, device: torch.device | str = "cpu", scanner: Path | str | None = None
) -> TrainedCascade:
    """Returns the cascade of a checkpoint, built from the description inside it.

    Args:
        path: A ``.ckpt`` file of a run, or shipped weights.
        device: Where it will compute.
        scanner: Configuration of another scanner than that of the training, as ``calibrate`` writes
            it, for weights that were trained for many.

    Raises:
        InputError: If a file can't be used, or the weights are for one scanner.
    """
    path = Path(path)
    checkpoint = read_checkpoint(path)
    configuration = checkpoint.configuration()
    departures: Sequence[str] = ()
    if scanner is not None:
        configuration["experiment"], departures = on_scanner(configuration, Path(scanner), path)
    _require_matrix(configuration["experiment"], path)
    try:
        experiment = build_experiment(configuration["experiment"])
    except InputError as error:
        if scanner is not None:
            raise InputError(f"{scanner}: {error}") from error
        raise InputError(
            f"the experiment in {path} can't be built here ({error}): use the version of the "
            "project, and of your own classes, that it was trained with"
        ) from error
    trained = with_weights_of(checkpoint, experiment, configuration)
    return trained._replace(departures=departures).to(device)


def with_weights_of(
    checkpoint: Checkpoint, experiment: Experiment, configuration: dict[str, Any]
) -> TrainedCascade:
    """Returns an experiment's cascade with the weights of a checkpoint, and their guarantee.

    Args:
        checkpoint: The checkpoint.
        experiment: The experiment.
        configuration: The whole configuration of the training.

    Raises:
        InputError: Unless the weights fit, and the guarantee, if there is one, can be read.
    """
    checkpoint.give_weights(experiment.cascade)
    stored = checkpoint.contents.get(GUARANTEE_KEY)
    guarantee = None if stored is None else Guarantee.from_mapping(stored)
    cascade = experiment.cascade.eval()
    return TrainedCascade(experiment, cascade, configuration, guarantee=guarantee)


def save(cascade: TrainedCascade, path: Path | str) -> None:
    """Writes the weights, the configuration and the guarantee of a cascade: all for ``load``.

    Args:
        cascade: The cascade.
        path: The file, by custom ``….ckpt``.

    Raises:
        InputError: If it can't be written.
    """
    state = {f"cascade.{name}": value for name, value in cascade.cascade.state_dict().items()}
    text = yaml.safe_dump(cascade.configuration, sort_keys=False)
    contents: dict[str, Any] = {"state_dict": state, CONFIG_KEY: text}
    if cascade.guarantee is not None:
        contents[GUARANTEE_KEY] = cascade.guarantee.as_mapping()
    with refusing_unwritable(Path(path), "choose another place"):
        write_checkpoint(contents, Path(path))


def guarantee_texts(cascade: TrainedCascade) -> dict[str, str]:
    """Returns what a guarantee is for, ``scanner`` and ``weights``, as it holds them.

    Args:
        cascade: The cascade.
    """
    of = cascade.experiment
    return {
        "scanner": f"{of.scanner}, images of {list(of.image_shape)}, measured S "
        f"{of.system_matrix}, delta sample {of.delta_sample_m:g} m",
        "weights": weights_text(cascade.cascade),
    }


def takes_scanner(path: Path) -> bool:
    """Returns whether the weights of a checkpoint hold no scanner, so that they must be told one.

    Args:
        path: The checkpoint.

    Raises:
        InputError: If it can't be read.
    """
    return is_for_any_scanner(read_checkpoint(path).configuration())


def _require_matrix(experiment: Mapping[str, Any], path: Path) -> None:
    """Raises an InputError if a system matrix no longer lies where a training had it."""
    matrix = (experiment.get("system_matrix") or {}).get("path")
    if matrix is not None and not Path(matrix).is_file():
        raise InputError(
            f"{path} was trained with the system matrix {matrix}, which is not there: put it back, "
            "or a link to it, or work in the directory that the path starts from"
        )
