"""Parameters as short text, for tables, lines and pictures."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any


def value_text(value: Any) -> str:
    """Returns a value as short as it stays distinct: few digits, a class or config by its name.

    Examples:
        >>> values = (0.00123456, 16, "configs/losses/mse.yaml", "torch.nn.L1Loss", [24, 48])
        >>> [value_text(value) for value in values]
        ['0.001235', '16', 'mse', 'L1Loss', '[24, 48]']
    """
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str) and value.endswith((".yaml", ".yml")):
        return PurePath(value).stem
    words = str(value).split(".")
    return words[-1] if all(word.isidentifier() for word in words) else str(value)


def setting_text(parameters: Mapping[str, Any]) -> str:
    """Returns parameters by the last part of their names.

    Examples:
        >>> setting_text({"model.learning_rate": 0.003, "seed_everything": 1})
        'learning_rate 0.003, seed_everything 1'
    """
    return ", ".join(
        f"{name.rsplit('.', 1)[-1]} {value_text(value)}" for name, value in parameters.items()
    )
