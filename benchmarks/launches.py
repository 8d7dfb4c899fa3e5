"""Counts what a GPU would be given to do, on a machine without one, and refuses to wait for it.

The ``meta`` device computes shapes and no values: what runs on it launches the operations that a
GPU would get.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_COPIES = ("_to_copy", "copy_")
_LITERALS = (torch.tensor, torch.as_tensor, Tensor.new_tensor, torch.unravel_index)
_NO_LAUNCH = ("_unsafe_view", "empty", "empty_like", "empty_strided", "lift_fresh", "new_empty")


class WaitError(Exception):
    """An operation that the process would have to wait for."""


class _NoLiterals(TorchFunctionMode):
    """Refuses tensors that are made of numbers of the host: no operation makes them."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Runs a function, unless it copies numbers to a device."""
        result = func(*args, **(kwargs or {}))
        devices = {one.device for one in _tensors(result) if not one.is_cpu}
        if func in _LITERALS and devices:
            raise WaitError(f"{func.__name__} copies numbers to {devices.pop()}")
        return result


class Launches(TorchDispatchMode):
    """Counts operations that launch something, and refuses those that a device is waited for at.

    Refused are values that the host reads, shapes that depend on values, and tensors of two devices
    in one operation; numbers without dimensions may come from the host.

    Attributes:
        counts: How often each operation was launched.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self._no_literals = _NoLiterals()

    def __enter__(self) -> "Launches":
        """Begins to count."""
        self._no_literals.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        """Ends it."""
        super().__exit__(*error)
        self._no_literals.__exit__(*error)

    @property
    def num(self) -> int:
        """Number of launches."""
        return self.counts.total()

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Runs an operation, and counts it."""
        name = func.overloadpacket.__name__
        if _depends_on_values(func, args):
            raise WaitError(f"{name} needs values of a device")
        result = func(*args, **(kwargs or {}))
        devices = {one.device.type for one in _tensors((args, kwargs, result)) if one.dim()}
        if name in _COPIES:
            devices = {one.device.type for one in _tensors((args, kwargs, result))}
        if len(devices) > 1:
            raise WaitError(f"{name} has tensors of {' and '.join(sorted(devices))}")
        if not func.is_view and name not in _NO_LAUNCH:
            self.counts[name] += 1
        return result


def _depends_on_values(func: OpOverload, args: tuple[Any, ...]) -> bool:
    if func.overloadpacket in (torch.ops.aten.index, torch.ops.aten.index_put_):
        return any(one.dtype in (torch.bool, torch.uint8) for one in _tensors(args[1]))
    return bool({torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags))


def _tensors(values: Any) -> Iterator[Tensor]:
    return (one for one in tree_leaves(values) if isinstance(one, Tensor))
