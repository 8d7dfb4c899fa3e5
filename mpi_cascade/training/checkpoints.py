"""Checkpoints: plain sentences about those that can't be used; written whole or not at all."""

import io
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch.plugins import TorchCheckpointIO
from torch import nn

from mpi_cascade.checks import InputError
from mpi_cascade.results.messages import going_on_without
from mpi_cascade.training.recording import CONFIG_KEY

_SHARING = ("batch_size", "global_batch_size", "evaluation_batch_size", "num_workers")
_KEPT = ("state_dict", "epoch", "global_step", "pytorch-lightning_version")


class AtomicCheckpointIO(TorchCheckpointIO):
    """Replaces a checkpoint by a whole one or not at all.

    Whether the process is killed meanwhile or the disk is full: the earlier checkpoint stays.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Writes a checkpoint; on a full disk says so, and training goes on."""
        contents = io.BytesIO()
        torch.save(checkpoint, contents)
        partial = Path(f"{path}.partial")
        with going_on_without(path):
            try:
                partial.parent.mkdir(parents=True, exist_ok=True)
                partial.write_bytes(contents.getbuffer())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Returns the contents of a checkpoint, read without running any code in it.

    Args:
        path: The checkpoint file.

    Raises:
        InputError: If the file is missing, damaged or no checkpoint of this project.
    """
    if not path.is_file():
        raise InputError(f"the checkpoint {path} does not exist: name a .ckpt file of a run")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    # A damaged archive makes torch.load raise whatever its parts raise.
    except Exception as error:
        raise InputError(
            f"the checkpoint {path} can't be read ({type(error).__name__}): it is truncated, "
            "damaged or no checkpoint, so use another one"
        ) from error
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("state_dict"), dict):
        raise InputError(f"{path} holds no networks: name a .ckpt file of a run")
    return checkpoint


def read_configuration(checkpoint: dict[str, Any], path: Path) -> dict[str, Any]:
    """Returns the resolved configuration inside a checkpoint.

    Args:
        checkpoint: Contents of the checkpoint.
        path: Where it was read.

    Raises:
        InputError: If there is none, or it is damaged.
    """
    try:
        config = yaml.safe_load(checkpoint[CONFIG_KEY])
        return {part: config[part] for part in ("trainer", "model", "data")} | config
    except (KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise InputError(
            f"{path} holds no configuration: name a .ckpt file that a run has written"
        ) from error


def holds_training_of(checkpoint: dict[str, Any], config: str) -> bool:
    """Returns whether a checkpoint holds the state of a training that a configuration describes.

    That is so with the same networks and data, however batches and processes share the samples.
    Otherwise its weights alone are of use.

    Args:
        checkpoint: Contents of the checkpoint.
        config: A resolved configuration as YAML text.
    """
    earlier, now = yaml.safe_load(checkpoint.get(CONFIG_KEY, "{}")), yaml.safe_load(config)
    data = [
        {key: value for key, value in part.get("data", {}).items() if key not in _SHARING}
        for part in (earlier, now)
    ]
    has_state = bool(checkpoint.get("optimizer_states"))
    return has_state and earlier.get("model") == now["model"] and data[0] == data[1]


def require_same_architecture(checkpoint: dict[str, Any], module: nn.Module, path: Path) -> None:
    """Raises an InputError unless the checkpoint's weights fit the module, name by name."""
    expected = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in checkpoint["state_dict"].items()}
    if expected == found:
        return
    name = next(name for name in [*expected, *found] if expected.get(name) != found.get(name))
    raise InputError(
        f"the checkpoint {path} is of another architecture: {name} is {_describe(found.get(name))} "
        f"there and {_describe(expected.get(name))} in the configured networks, so use the "
        "config.yaml of the checkpoint's run"
    )


def write_weights(checkpoint: Path, target: Path) -> None:
    """Writes what others need of a checkpoint: the weights and their configuration.

    The state of the optimiser, two thirds of a checkpoint, and the place of the run are left out.
    ``TARGET.ckpt`` serves ``compare``, ``test`` and ``predict``; ``TARGET.yaml`` is its
    configuration.

    Args:
        checkpoint: A checkpoint of a run.
        target: Path without a suffix.

    Raises:
        InputError: If the checkpoint can't be used.
    """
    contents = read_checkpoint(checkpoint)
    config = read_configuration(contents, checkpoint)
    config["trainer"]["default_root_dir"] = "runs"
    text = yaml.safe_dump(config, sort_keys=False)
    kept = {key: contents[key] for key in _KEPT}
    torch.save({**kept, CONFIG_KEY: text}, target.with_suffix(".ckpt"))
    target.with_suffix(".yaml").write_text(text)


def _describe(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else f"of shape {list(shape)}"
