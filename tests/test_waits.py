"""Nothing that a batch goes through makes the process wait for a device.

The device is ``meta``, which has shapes and no values: what runs there would run on a GPU.
"""

import functools
from copy import deepcopy

import pytest
import torch
from launches import Launches, WaitError
from parts import DISTURBANCES, FIRST_STAGES, HELD_OUT, LOSSES, SECOND_STAGES
from timing import run

from mpi_cascade.evaluation.measures import CAPSULES, DISCS, NULLS, PAIRS, PHANTOMS
from mpi_cascade.losses import DataConsistency, Gradient, SampleLoss, WeightedSum, loss_terms
from mpi_cascade.models.cascade import Cascade
from mpi_cascade.phantoms import PhantomMixture, Pictures, SingleObjects, default_families
from mpi_cascade.phantoms.dilution import Diluted
from mpi_cascade.phantoms.nulls import Nulls
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints
from mpi_cascade.physics.disturbances import VariedNoise
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.simulated import Sample, SimulatedScans
from mpi_cascade.scans.varied import VariedScans
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA
from mpi_cascade.solvers.tikhonov import Tikhonov

SCANNER = Scanner(num_ffp_x=16, num_ffp_y=16)
OTHER = Scanner(num_ffp_x=16, num_ffp_y=16, gradient_x_t_per_m=2.2)
SIZE_M = SCANNER.field_of_view_m
PICTURES = Pictures(arrays=[torch.eye(5).double().numpy(), torch.ones(4, 6).double().numpy()])
FAMILIES = default_families() | {"single objects": SingleObjects(), "pictures": PICTURES}
SCENES = {
    "families": PhantomMixture(FAMILIES),
    "held out": PhantomMixture(HELD_OUT),
    "pairs": TwoPoints(diameter_mm=(0.3, 0.5), angles_deg=(0.0, 90.0)),
    "capsules": Capsules(outlines=TwoPoints()),
    "discs": SingleDiscs(),
    "nulls": Nulls(),
    "diluted": Diluted(scene=TwoPoints()),
}


@pytest.fixture
def model():
    return ForwardModel(SCANNER, (16, 16))


def scans_with(bank, chain):
    models = [ForwardModel(scanner, (32, 32), unit_scanner=SCANNER) for scanner in bank]
    if len(models) == 1:
        return SimulatedScans(models[0], SCANNER, (2, 2), chain)
    return VariedScans(models, SCANNER, (2, 2), chain)


SCANS = {
    "noise": lambda: scans_with([SCANNER], DISTURBANCES[-1:]),
    "every disturbance": lambda: scans_with([SCANNER], [VariedNoise(), *DISTURBANCES]),
    "varied scanners": lambda: scans_with([SCANNER, OTHER], DISTURBANCES[-1:]),
}


def streams(num, device="cpu"):
    return RandomStreams(3, 2, torch.arange(num, device=device))


def launches(call):
    """Returns how often a call launches something once its constants are where they are needed."""
    call()
    with Launches() as counted:
        call()
    return counted.num


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
@pytest.mark.parametrize("scans", SCANS)
def test_no_simulation_waits(scans, scene):
    simulated = SCANS[scans]().to("meta")
    assert launches(lambda: simulated.scan(scene, streams(3, "meta"))) > 0


def test_a_batch_of_the_standard_phantoms_launches_few_operations():
    """Constants are made once, and what a batch doesn't change isn't computed again."""
    simulated, mixture = SCANS["noise"]().to("meta"), PhantomMixture()
    few, many = (
        launches(lambda num=num: simulated.scan(mixture, streams(num, "meta"))) for num in (2, 32)
    )
    assert few == many <= 560


@pytest.mark.parametrize("scans", SCANS)
def test_what_runs_on_a_gpu_makes_the_same_scans(scans, monkeypatch):
    """There, as in a compiled graph, all is computed that a CPU leaves out."""
    simulated = SCANS[scans]()
    expected = simulated.scan(SCENES["families"], streams(12))
    monkeypatch.setattr("torch.compiler.is_compiling", lambda: True)
    found = simulated.scan(SCENES["families"], streams(12))
    torch.testing.assert_close(found.concentration, expected.concentration, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.signal, expected.signal, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_simulation_is_one_graph():
    """In a process of its own, as the compiler can't trace the tests' runtime type checks."""
    code = """
import torch
from mpi_cascade.configurations import build_experiment
from mpi_cascade.randomness import RandomStreams, Stream
from tiny_cascades import SQUARE
there = build_experiment(SQUARE)
def scan(indices):
    return there.scans.scan(there.mixture, RandomStreams(0, Stream.TRAINING, indices))[1:3]
compiled = torch.compile(scan, fullgraph=True, backend="eager")
for num in (2, 3):
    for found, expected in zip(compiled(torch.arange(num)), scan(torch.arange(num))):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
"""
    run("-c", code)


@pytest.mark.parametrize("second", SECOND_STAGES)
@pytest.mark.parametrize("first", FIRST_STAGES)
def test_no_step_of_a_network_waits(first, second, model):
    cascade = Cascade(FIRST_STAGES[first](), SECOND_STAGES[second]())
    cascade.use(model)
    cascade.to("meta")
    signal = torch.rand(2, 1, 16, 16, device="meta")
    assert launches(lambda: cascade(signal).final.mean().backward()) > 0


EVERY_LOSS = LOSSES | {
    "DataConsistency": DataConsistency(),
    "WeightedSum": WeightedSum({"mse": torch.nn.MSELoss(), "edges": Gradient()}, {"edges": 0.1}),
}


@pytest.mark.parametrize("loss", EVERY_LOSS.values(), ids=EVERY_LOSS)
def test_no_loss_waits(loss):
    if isinstance(loss, SampleLoss):
        loss.use(ForwardModel(SCANNER, (32, 32)))
    loss = deepcopy(loss).to("meta")
    image = torch.rand(2, 1, 32, 32, device="meta", requires_grad=True)
    signal = torch.rand(2, 1, 16, 16, device="meta")
    sample = Sample(torch.arange(2, device="meta"), signal, torch.rand_like(image), pairs=None)
    assert launches(lambda: sum(loss_terms(loss, image, sample).values()).backward()) > 0


@pytest.mark.parametrize("kind", [PHANTOMS, PAIRS, CAPSULES, NULLS, DISCS])
def test_no_measure_waits(kind):
    sample = SCANS["noise"]().to("meta").scan(SCENES["discs"], streams(2, "meta"))
    images = torch.rand(2, 1, 16, 16, device="meta")
    for measure in kind.columns.values():
        assert launches(functools.partial(measure, images, sample, SIZE_M)) > 0


SOLVERS = {
    "ADMM": lambda model: ADMM(model, num_iterations=2),
    "ART": lambda model: ART(model, num_sweeps=2),
    "FISTA": lambda model: FISTA(model, num_iterations=2),
    "Tikhonov": lambda model: Tikhonov(model, 1e-3),
}


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_solver_waits(solver):
    solve = SOLVERS[solver](ForwardModel(SCANNER, (16, 16))).to("meta")
    assert launches(lambda: solve(torch.rand(2, 1, 16, 16, device="meta"))) > 0


def refused(call):
    with Launches(), pytest.raises((WaitError, NotImplementedError, RuntimeError)) as error:
        call()
    return str(error.value)


def test_what_waits_is_refused():
    values = torch.rand(4, device="meta")
    assert "nonzero needs values" in refused(lambda: torch.nonzero(values))
    assert "index needs values" in refused(lambda: values[values > 0])
    assert "_local_scalar_dense needs values" in refused(values.sum().item)
    assert "new_tensor copies numbers to meta" in refused(lambda: values.new_tensor([1.0, 2.0]))
    numbers = torch.arange(4, device="meta")
    assert "unravel_index copies" in refused(lambda: torch.unravel_index(numbers, (2, 2)))
    assert "_to_copy has tensors of cpu and meta" in refused(lambda: torch.ones(4).to("meta"))
    assert "device" in refused(lambda: values + torch.ones(4))
    with Launches() as counted:
        (values * 2)[:2].view(1, 2)
    assert counted.counts == {"mul": 1}
