"""Checkpoints on disk: the weights of a training, and the configuration that it had."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from mpi_cascade.checks import InputError
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.results.files import whole_file

CONFIG_KEY = "mpi_cascade_config"
"""Key of a checkpoint that holds the resolved configuration as YAML text."""


class Checkpoint(NamedTuple):
    """A checkpoint that was read.

    Attributes:
        path: Where it was read.
        contents: What it holds.
    """

    path: Path
    contents: Mapping[str, Any]

    def configuration(self) -> dict[str, Any]:
        """Returns the resolved configuration of the training.

        Raises:
            InputError: If there is none, it is damaged, or of an earlier version.
        """
        try:
            configuration: dict[str, Any] = yaml.safe_load(self.contents[CONFIG_KEY])
            parts = configuration.keys()
        except (KeyError, AttributeError, yaml.YAMLError) as error:
            raise InputError(
                f"{self.path} holds no configuration: name a .ckpt file that a run has written"
            ) from error
        if "experiment" in parts:
            pairs = (configuration.get("data") or {}).get("two_points") or {}
            if "init_args" in pairs:
                # As it was written before the pairs followed from the scanner.
                configuration["data"]["two_points"] = pairs["init_args"]
            return configuration
        raise InputError(
            f"{self.path} was written by version 0.1.0, whose configuration was another: use it "
            "with that version (git checkout 8376050), or train again"
        )

    def give_weights(self, cascade: Cascade, optional: tuple[str, ...] = ()) -> None:
        """Gives a cascade the weights.

        Args:
            cascade: The networks.
            optional: What the names of weights begin with that either may lack: what only the
                cascade has stays as it is, what only the checkpoint has is left aside.

        Raises:
            InputError: Unless the weights fit, name by name.
        """
        prefix = "cascade."
        weights = {
            name.removeprefix(prefix): value
            for name, value in self.contents["state_dict"].items()
            if name.startswith(prefix)
        }
        own = cascade.state_dict()
        for name in own.keys() ^ weights.keys():
            if name.startswith(optional):
                weights.pop(name, None)
                weights |= {name: own[name]} if name in own else {}
        expected = {name: tuple(value.shape) for name, value in own.items()}
        found = {name: tuple(value.shape) for name, value in weights.items()}
        if expected != found:
            name = next(n for n in [*expected, *found] if expected.get(n) != found.get(n))
            raise InputError(
                f"the checkpoint {self.path} is of another architecture: {name} is "
                f"{_shape_text(found.get(name))} there and {_shape_text(expected.get(name))} in "
                "the configured networks, so use the configuration of the checkpoint's run"
            )
        cascade.load_state_dict(weights)


def write_checkpoint(contents: Mapping[str, Any], path: Path) -> None:
    """Writes a checkpoint, whole or not at all.

    Args:
        contents: What it holds.
        path: The file.

    Raises:
        OSError: If it can't be written.
    """
    archive = io.BytesIO()  # Torch's own writer of files crashes on a full disk.
    torch.save(dict(contents), archive)
    with whole_file(path) as partial:
        partial.write_bytes(archive.getbuffer())


def read_checkpoint(path: Path) -> Checkpoint:
    """Returns a checkpoint, read without running any code in it.

    Args:
        path: The checkpoint file.

    Raises:
        InputError: If the file is missing, damaged or no checkpoint of this project.
    """
    if not path.is_file():
        raise InputError(f"{path} is no file: name a .ckpt file of a run")
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    # A damaged archive makes torch.load raise whatever its parts raise.
    except Exception as error:
        raise InputError(
            f"the checkpoint {path} can't be read ({type(error).__name__}): it is truncated, "
            "damaged or no checkpoint, so use another one"
        ) from error
    if not isinstance(contents, dict) or not isinstance(contents.get("state_dict"), dict):
        raise InputError(f"{path} holds no networks: name a .ckpt file of a run")
    return Checkpoint(path, contents)


def _shape_text(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else f"of shape {list(shape)}"
