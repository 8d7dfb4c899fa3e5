"""What lets one code serve a CPU, and devices that must not be waited for.

A GPU works through what it is told while the process goes on. Whoever asks it for a value, or for
how many values are not 0, waits for all of it; copying a constant to it does, too.
"""

import importlib.util
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.utils._pytree import tree_leaves

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_NUM_WARM_UPS = 3

_MOST_CONSTANTS = 128
"""Of each kind: a training has a few, and evaluations have some for each grid."""


def made_once(make: Callable[_Arguments, Tensor]) -> Callable[_Arguments, Tensor]:
    """Returns a function that makes a constant the first time only; in a compiled graph, always.

    Args:
        make: Makes it, of numbers and a device alone. Nothing may write into the constant.
    """

    @lru_cache(_MOST_CONSTANTS)
    def kept(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> Tensor:
        # What is made for inference could serve no training.
        with torch.inference_mode(mode=False):
            return make(*arguments, **options)

    def constant(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> Tensor:
        if torch.compiler.is_compiling():
            return make(*arguments, **options)
        return kept(*arguments, **options)  # type: ignore[arg-type]

    return constant


def fused(function: Callable[_Arguments, Tensor]) -> Callable[_Arguments, Tensor]:
    """Returns a function whose elementwise operations a GPU gets compiled, when first used.

    A value of each point then passes through its memory once or twice, and not once for every
    operation. A CPU, and a GPU where Triton isn't installed, gets them as they are.

    Args:
        function: The function, of tensors or tuples of them; on one device.
    """

    @lru_cache(1)
    def compiled() -> Callable[_Arguments, Tensor]:
        has_compiler = importlib.util.find_spec("triton") is not None
        return torch.compile(function, dynamic=True) if has_compiler else function

    @wraps(function)
    def chosen(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> Tensor:
        if torch.compiler.is_compiling() or not tree_leaves((arguments, options))[0].is_cuda:
            return function(*arguments, **options)
        return compiled()(*arguments, **options)

    return chosen


def recorded(
    call: Callable[[], _Result], device: torch.device
) -> tuple[torch.cuda.CUDAGraph, _Result]:
    """Returns all that a call launches on a GPU as one CUDA graph, and where it leaves its result.

    All recordings share their memory: a result is good until another one is replayed.

    Args:
        call: What is recorded; it may not wait for the device.
        device: The GPU.
    """
    # As PyTorch wants it: what is made when first used is made before, on a stream beside.
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(_NUM_WARM_UPS):
            call()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=_keeper(device).pool()):
        result = call()
    return graph, result


@lru_cache
def _keeper(device: torch.device) -> torch.cuda.CUDAGraph:
    """Returns a recording that is never let go, and with it the memory that all of them share."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        torch.zeros(1, device=device)
    return graph


@made_once
def counted(num: int, device: torch.device) -> Int64[Tensor, " num"]:
    """Returns 0 … num − 1."""
    return torch.arange(num, device=device)


@made_once
def spaced(
    first: float, last: float, num: int, device: torch.device, dtype: torch.dtype = torch.float32
) -> Float[Tensor, " num"]:
    """Returns equally spaced numbers, both ends included."""
    return torch.linspace(first, last, num, dtype=dtype, device=device)


def leaves_out(like: Tensor) -> bool:
    """Returns whether what has no effect is left out, as its shape may depend on values.

    Args:
        like: A tensor of the device that computes.
    """
    return like.is_cpu and not torch.compiler.is_compiling()


def needed(is_needed: Bool[Tensor, "*shape"]) -> tuple[Int64[Tensor, " chosen"], ...]:
    """Returns the indices along each axis of what must be computed.

    On a CPU these are what is needed, and no more. Elsewhere, and in a graph that is compiled, they
    are all there is, so that no shape depends on values: who calls this gives what isn't needed no
    effect on the result.

    Args:
        is_needed: What is needed.
    """
    if leaves_out(is_needed):
        return torch.nonzero(is_needed, as_tuple=True)
    # Not torch.unravel_index, which copies the shape to the device.
    axes = [torch.arange(num, device=is_needed.device) for num in is_needed.shape]
    return tuple(index.flatten() for index in torch.meshgrid(*axes, indexing="ij"))


def pair(first: float, second: float, like: Tensor) -> Float[Tensor, " 2"]:
    """Returns two numbers, made where another tensor is, not copied there.

    Args:
        first: The first.
        second: The second.
        like: Tensor of the same device and type.
    """
    return spaced(first, second, 2, like.device, like.dtype)


def in_full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Returns a context without autocast, whatever the networks around it use.

    Args:
        device: Where the context computes.
    """
    if device.type == "meta":  # It has no autocast, and asking who has can't be compiled.
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


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
