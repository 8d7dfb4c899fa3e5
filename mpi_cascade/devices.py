"""What lets one code serve a CPU, and devices that must not be waited for.

A GPU works through what it is told while the process goes on. Whoever asks it for a value, or for
how many values are not 0, waits for all of it; copying a constant to it does, too.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


def needed(is_needed: Bool[Tensor, "*shape"]) -> tuple[Int64[Tensor, " chosen"], ...]:
    """Returns the indices along each axis of what must be computed.

    On a CPU these are what is needed, and no more. Elsewhere, and in a graph that is compiled, they
    are all there is, so that no shape depends on values: who calls this gives what isn't needed no
    effect on the result.

    Args:
        is_needed: What is needed.
    """
    if is_needed.is_cpu and not torch.compiler.is_compiling():
        return torch.nonzero(is_needed, as_tuple=True)
    numbers = torch.arange(is_needed.numel(), device=is_needed.device)
    return torch.unravel_index(numbers, is_needed.shape)


def pair(first: float, second: float, like: Tensor) -> Float[Tensor, " 2"]:
    """Returns two numbers, made where another tensor is, not copied there.

    Args:
        first: The first.
        second: The second.
        like: Tensor of the same device and type.
    """
    return torch.linspace(first, second, 2, dtype=like.dtype, device=like.device)


def in_full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Returns a context without autocast, whatever the networks around it use.

    Args:
        device: Where the context computes.
    """
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    context: AbstractContextManager[None] = torch.autocast(device.type, enabled=False)
    return context


class Table:
    """A constant, copied to every device once.

    Args:
        values: The constant.
    """

    def __init__(self, values: Tensor) -> None:
        self._copies = {values.device: values}
        self._values = values

    def on(self, device: torch.device) -> Tensor:
        """Returns the constant on a device."""
        if device not in self._copies:
            self._copies[device] = self._values.to(device)
        return self._copies[device]
