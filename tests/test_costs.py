"""What takes too much is refused, and what takes long is announced."""

import math

import pytest
import torch
from experiments import small_experiment
from tiny_cascades import WITH_INTERVALS

from mpi_cascade.checks import InputError
from mpi_cascade.configurations import build_experiment
from mpi_cascade.costs import announce_time, require_memory
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.solvers.tikhonov import Tikhonov
from mpi_cascade.training.costs import _kept_bytes, _physics_bytes
from mpi_cascade.training.datamodule import SimulatedDataModule
from mpi_cascade.training.module import CascadeModule
from mpi_cascade.training.strategies import IntervalsAlone

CPU = torch.device("cpu")


def test_more_memory_than_there_is():
    require_memory(1e6, CPU, "a step", "make it smaller")
    require_memory(math.inf, torch.device("meta"), "a step", "make it smaller")
    with pytest.raises(
        InputError, match=r"^a step needs about 1e\+09 GB of memory, and cpu has .*"
    ):
        require_memory(1e18, CPU, "a step", "make it smaller")


def test_long_times_are_said_and_hours_refused(capsys):
    announce_time(29.0, "the PSF", "use fewer pixels")
    assert capsys.readouterr().err == ""
    announce_time(31.0, "the PSF", "use fewer pixels")
    announce_time(200.0, "the PSF", "use fewer pixels")
    assert capsys.readouterr().err == "the PSF takes about 1 min\nthe PSF takes about 3 min\n"
    with pytest.raises(InputError, match=r"^the PSF takes about 2 hours: use fewer pixels$"):
        announce_time(7200.0, "the PSF", "use fewer pixels")


def test_a_psf_of_hours_is_refused():
    core = Particle(core_diameter_m=20e-6)
    scanner = Scanner(num_ffp_x=16, num_ffp_y=16, particle=core)
    with pytest.raises(InputError, match=r"^the PSF on 32 × 32 points takes about .* hours: use"):
        ForwardModel(scanner, (16, 16))


def test_a_training_step_keeps_what_one_orientation_takes():
    """The mean over mirrored scans is taken by trained cascades only."""
    plain, mirrored = (small_experiment(averages_mirrors=averages) for averages in (False, True))
    assert len(mirrored.cascade.mirrors) == 3
    kept = {
        _kept_bytes(CascadeModule(one), SimulatedDataModule(one, num_validation=8))
        for one in (plain, mirrored)
    }
    assert len(kept) == 1


def test_the_network_of_the_uncertainty_counts_where_it_trains():
    experiment = build_experiment(WITH_INTERVALS)
    data = SimulatedDataModule(experiment, num_validation=8)
    module = CascadeModule(experiment, strategy=IntervalsAlone())
    sample = data.training_samples(1)
    assert _kept_bytes(module, data) > 4 * sample.concentration.numel()
    assert _physics_bytes(module, data) > 3 * 16**4


def test_tikhonov_beyond_memory_is_refused(monkeypatch):
    model = small_experiment().forward_model
    monkeypatch.setattr("mpi_cascade.costs._available", lambda: 1e6)
    sentence = "^Tikhonov of 256 measurements and 256 pixels needs about .* leave it out .fit with"
    with pytest.raises(InputError, match=sentence):
        Tikhonov(model)
    monkeypatch.undo()
    Tikhonov(model)
