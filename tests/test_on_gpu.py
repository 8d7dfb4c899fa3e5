"""What a GPU computes is what a CPU does, and nobody waits for it.

They need a GPU, and no runtime type checks, which the compiler can't trace::

    pytest -m gpu -o addopts=--import-mode=importlib
"""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from results import reported
from tiny_cascades import ANY_SCANNER, SQUARE, saved

from mpi_cascade.cli import main
from mpi_cascade.configurations import build_experiment
from mpi_cascade.mdf import MDFFile, read_images
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.nulls import Nulls
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams, Stream
from mpi_cascade.scans.sampling import keys_of
from mpi_cascade.scans.scanner_range import ScannerRange
from mpi_cascade.scans.varied import ScannerSpread
from mpi_cascade.solvers.admm import ADMM
from mpi_cascade.solvers.art import ART
from mpi_cascade.solvers.fista import FISTA
from mpi_cascade.solvers.tikhonov import Tikhonov
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("default"),  # The compiler warns of itself.
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here"),
]

TINY = Path(__file__).parent / "training" / "tiny.yaml"
GPU = torch.device("cuda")
SCENES = {"families": PhantomMixture(), "pairs": TwoPoints(), "nulls": Nulls()}


@pytest.fixture
def experiment():
    torch.manual_seed(0)
    scanner = {"num_ffp_x": 32, "num_ffp_y": 32}
    return build_experiment({**SQUARE, "scanner": scanner, "image_shape": [32, 32]})


def on_gpu(keys):
    return keys._replace(indices=keys.indices.to(GPU))


def assert_same_scans(found, expected):
    # A pixel at the edge of a shape takes rounding of its place times its steepness.
    torch.testing.assert_close(found.concentration.cpu(), expected.concentration, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.signal.cpu(), expected.signal, rtol=0, atol=2e-6)


@pytest.mark.parametrize("scene", SCENES)
def test_scans_are_those_of_a_cpu(scene, experiment):
    streams = [RandomStreams(0, 1, torch.arange(64, device=place)) for place in ("cpu", GPU)]
    expected = experiment.scans.scan(SCENES[scene], streams[0])
    found = deepcopy(experiment.scans).to(GPU).scan(SCENES[scene], streams[1])
    assert_same_scans(found, expected)


@pytest.mark.parametrize("spread", [None, ScannerSpread(gradient=0.05, num_scanners=3)])
def test_training_scans_are_replayed_and_those_of_a_cpu(spread, experiment):
    data = SimulatedDataModule(experiment, scanner_spread=spread)
    for first in (0, 64):
        keys = keys_of(Stream.TRAINING, range(first, first + 16))
        assert_same_scans(deepcopy(data).simulate(on_gpu(keys)), data.simulate(keys))
    on_device = deepcopy(data)
    one, other = (
        on_device.simulate(on_gpu(keys_of(Stream.TRAINING, range(first, first + 8))))
        for first in (0, 8)
    )
    assert_same_scans(one, data.simulate(keys_of(Stream.TRAINING, range(8))))
    assert_same_scans(other, data.simulate(keys_of(Stream.TRAINING, range(8, 16))))


@pytest.mark.parametrize("size", [24, 64])
def test_signals_are_those_of_double_precision(size):
    model = ForwardModel(Scanner(num_ffp_x=size, num_ffp_y=size), (size, size))
    image = torch.rand(3, 1, size, size, generator=torch.Generator().manual_seed(1))
    expected = image.flatten(1).double() @ model.matrix().double().T
    found = model.to(GPU)(image.to(GPU)).flatten(1).cpu().double()
    assert (found - expected).abs().max() < 2e-6 * expected.abs().max()


SOLVERS = {
    "ADMM": lambda model: ADMM(model, num_iterations=50),
    "ART": lambda model: ART(model, num_sweeps=3),
    "FISTA": lambda model: FISTA(model, num_iterations=50),
    "Tikhonov": Tikhonov,
}


@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_give_the_images_of_a_cpu(solver, experiment):
    scan = experiment.scans.scan(TwoPoints(), RandomStreams(0, 1, torch.arange(4)))
    solve = SOLVERS[solver](experiment.forward_model)
    with torch.no_grad():
        expected = solve(scan.signal)
        found = solve.to(GPU)(scan.signal.to(GPU)).cpu()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3 * float(expected.abs().max()))


def test_a_step_waits_for_nothing(experiment):
    data, module = SimulatedDataModule(experiment), CascadeModule(experiment).to(GPU)
    keys, moment = on_gpu(keys_of(Stream.TRAINING, range(8))), module.strategy.at(0.5)
    optimiser = module.make_optimizer()

    def step():
        with torch.autocast("cuda", torch.bfloat16):
            loss = module.losses(data.simulations[0].simulate(keys.indices), moment)["loss"]
        loss.backward()
        optimiser.step()

    step()
    data.simulate(keys)  # Records it.
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
        data.simulate(keys)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_many_scanners_take_turns():
    scanners = ScannerRange(num_positions=(16, 24), num_scanners=3, num_in_a_row=8)
    data = SimulatedDataModule(build_experiment(ANY_SCANNER), scanners=scanners)
    expected = [data.simulate(keys_of(Stream.TRAINING, range(8 * i, 8 * i + 8))) for i in range(5)]
    for number, sample in enumerate(expected):
        keys = keys_of(Stream.TRAINING, range(8 * number, 8 * number + 8))
        found = data.simulate(on_gpu(keys))
        assert found.scanner == sample.scanner
        assert_same_scans(found, sample)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_fit_trains_and_test_tests(precision, tmp_path):
    main([
        "fit", "--config", str(TINY), f"--output={tmp_path / 'run'}", "--report.tikhonov=false",
        "--trainer.accelerator=gpu", f"--trainer.precision={precision}",
    ])  # fmt: skip
    checkpoint = tmp_path / "run" / "checkpoints" / "best.ckpt"
    found = []
    for device in ("cpu", "cuda"):
        output = tmp_path / device
        main(["test", str(checkpoint), f"--device={device}", f"--output={output}", "--classical"])
        found.append(reported(output))
    assert found[1] == pytest.approx(found[0], rel=1e-2, abs=1e-2)


def test_reconstruct_gives_the_images_of_a_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.backends.cudnn.allow_tf32", False)
    plain = saved(tmp_path / "tiny.ckpt", SQUARE)
    np.save(tmp_path / "scans.npy", plain.signal[:4].numpy())
    images = []
    for device in ("cpu", "cuda"):
        output = tmp_path / device
        main([
            "reconstruct", str(plain.checkpoint), str(tmp_path / "scans.npy"), f"--output={output}",
            f"--device={device}",
        ])  # fmt: skip
        with MDFFile(output / "reconstruction.mdf") as file:
            images.append(read_images(file))
    torch.testing.assert_close(*images, rtol=0, atol=1e-4 * float(images[0].max()))
