"""Which device an option names."""

import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.commands.devices import chosen_device


@pytest.mark.parametrize(("num_gpus", "expected"), [(0, "cpu"), (2, "cuda")])
def test_auto_is_a_gpu_if_there_is_one(num_gpus, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: num_gpus)
    assert chosen_device("auto") == torch.device(expected)
    assert chosen_device("cpu") == torch.device("cpu")


def test_a_gpu_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert chosen_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(InputError, match="--device is cuda:1, but torch sees 1 GPUs here: use cpu"):
        chosen_device("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "", "meta", "cuda:x"])
def test_what_is_no_device_is_one_sentence(name):
    with pytest.raises(InputError, match=f"--device is {name}: use cpu, cuda, cuda:1"):
        chosen_device(name)
