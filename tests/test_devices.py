import pytest
import torch

from mpi_cascade.devices import (
    Table,
    counted,
    fused,
    in_full_precision,
    leaves_out,
    made_once,
    needed,
    pair,
    spaced,
)


def test_a_cpu_computes_what_is_needed_and_no_more():
    is_needed = torch.tensor([[True, False, True], [False, False, True]])
    rows, columns = needed(is_needed)
    assert rows.tolist() == [0, 0, 1] and columns.tolist() == [0, 2, 2]


def test_a_compiled_graph_computes_all(monkeypatch):
    monkeypatch.setattr("torch.compiler.is_compiling", lambda: True)
    rows, columns = needed(torch.tensor([[True, False, True], [False, False, True]]))
    assert rows.tolist() == [0, 0, 0, 1, 1, 1] and columns.tolist() == [0, 1, 2, 0, 1, 2]


def test_another_device_computes_all():
    (rows,) = needed(torch.zeros(5, dtype=torch.bool, device="meta"))
    assert rows.shape == (5,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_two_numbers_are_as_if_copied(dtype):
    for first, second in ((6.4e-3, 9.1e-3), (1.0, 0.0), (0.1, -0.7)):
        found = pair(first, second, like=torch.zeros(1, dtype=dtype))
        assert torch.equal(found, torch.tensor((first, second), dtype=dtype))


def test_a_table_is_copied_to_a_device_once():
    values = torch.arange(3)
    table = Table(values)
    assert table.on(values.device) is values
    assert table.on(torch.device("meta")) is table.on(torch.device("meta"))


def test_a_constant_is_made_once_for_each_device():
    made = []

    @made_once
    def doubled(num: int, device: torch.device) -> torch.Tensor:
        made.append((num, device.type))
        return 2 * torch.arange(num, device=device)

    cpu, meta = torch.device("cpu"), torch.device("meta")
    assert doubled(3, cpu) is doubled(3, cpu)
    assert doubled(3, cpu).tolist() == [0, 2, 4] and doubled(3, meta).shape == (3,)
    assert doubled(2, cpu).tolist() == [0, 2]
    assert made == [(3, "cpu"), (3, "meta"), (2, "cpu")]


def test_a_constant_made_for_inference_serves_training():
    with torch.inference_mode():
        constant = spaced(0.25, 0.75, 3, torch.device("cpu"))
    weights = torch.ones(3, requires_grad=True)
    (constant * weights).sum().backward()
    assert weights.grad.tolist() == [0.25, 0.5, 0.75]


def test_a_graph_holds_no_constant_of_another_time(monkeypatch):
    before = counted(3, torch.device("cpu"))
    monkeypatch.setattr("torch.compiler.is_compiling", lambda: True)
    inside = counted(3, torch.device("cpu"))
    assert inside is not before and torch.equal(inside, before)


def test_a_cpu_alone_leaves_out(monkeypatch):
    assert leaves_out(torch.zeros(1)) and not leaves_out(torch.zeros(1, device="meta"))
    monkeypatch.setattr("torch.compiler.is_compiling", lambda: True)
    assert not leaves_out(torch.zeros(1))


def test_full_precision_switches_autocast_off():
    values = torch.ones(2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (values @ values).dtype == torch.bfloat16
        with in_full_precision(values.device):
            assert (values @ values).dtype == torch.float32
    with in_full_precision(torch.device("meta")):
        pass


def test_a_cpu_is_given_what_a_gpu_has_fused_as_it_is(monkeypatch):
    monkeypatch.setattr("torch.compile", lambda *_, **__: pytest.fail("compiled"))
    doubled = fused(lambda values: 2 * values)
    assert doubled(torch.ones(2)).tolist() == [2, 2]
    assert doubled(torch.ones(2, device="meta")).is_meta
