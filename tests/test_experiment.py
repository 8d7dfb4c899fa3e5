import importlib
import pkgutil

import pytest
import torch
from experiments import small_experiment
from tiny_cascades import ANY_SCANNER
from torch import nn

import mpi_cascade.models
from mpi_cascade.checks import InputError
from mpi_cascade.configurations import build_experiment, on_scanner
from mpi_cascade.evaluation.suites import training_suite
from mpi_cascade.experiment import EXPERIMENT_CLASSES
from mpi_cascade.models.preliminary import Unrolled
from mpi_cascade.models.refinement import ResidualCNN
from mpi_cascade.models.stages import SignalRefinement
from mpi_cascade.phantoms.scenes import TwoPoints
from mpi_cascade.physics.disturbances import GainVariation, WhiteNoise
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import RandomStreams
from mpi_cascade.scans.varied import ScannerSpread

STAGES = {
    "preliminary": {
        "class_path": "mpi_cascade.models.preliminary.Unrolled",
        "init_args": {"num_steps": 2, "num_features": 4},
    },
    "refinement": {
        "class_path": "mpi_cascade.models.refinement.ResidualCNN",
        "init_args": {"num_features": 4, "num_layers": 2},
    },
}


def test_every_refinement_that_sees_the_signal_is_among_the_choices():
    for module in pkgutil.iter_modules(mpi_cascade.models.__path__):
        importlib.import_module(f"mpi_cascade.models.{module.name}")
    modules, _ = EXPERIMENT_CLASSES["experiment.refinement"]
    shipped = [one for one in SignalRefinement.__subclasses__() if "mpi_cascade" in one.__module__]
    assert {one.__module__ for one in shipped} == set(modules) - {"mpi_cascade.models.refinement"}


def scan(experiment, num=4):
    streams = RandomStreams(0, 3, torch.arange(num))
    return experiment.scans.scan(experiment.mixture, streams), streams


def test_a_description_becomes_the_experiment():
    experiment = build_experiment(
        {**STAGES, "scanner": {"num_ffp_x": 16, "num_ffp_y": 8}, "image_shape": [16, 24],
         "phantoms": {"bars": "Bars"}, "peak_snr_db": 40.0}
    )  # fmt: skip
    assert experiment.scanner == Scanner(num_ffp_x=16, num_ffp_y=8)
    assert isinstance(experiment.preliminary, Unrolled)
    assert isinstance(experiment.refinement, ResidualCNN)
    assert list(experiment.mixture.families) == ["bars"]
    sample, _ = scan(experiment)
    assert sample.signal.shape == (4, *experiment.forward_model.signal_shape) == (4, 1, 8, 16)
    assert experiment.cascade(sample.signal).final.shape == sample.concentration.shape
    assert sample.concentration.shape == (4, 1, 16, 24)


def test_every_stage_and_the_experiment_have_one_forward_model():
    experiment = small_experiment(Unrolled(2, 4))
    assert experiment.preliminary.forward_model is experiment.forward_model
    assert experiment.cascade.preliminary is experiment.preliminary


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"scaner": {"num_ffp_x": 8}}, "scaner"),
        ({"scanner": {"gradient_x_t_per_m": -1.0}}, "experiment.scanner.gradient_x_t_per_m is -1"),
        ({"refinement": "mpi_cascade.models.refinement.Gone"}, "Gone"),
        ({"image_shape": [16, 0]}, r"image_shape is \[16, 0\]: it must be positive"),
    ],
)
def test_a_description_that_cannot_be_built_is_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        build_experiment(STAGES | changes)


def test_a_quantity_that_looks_like_a_slip_of_unit_is_refused_unless_it_is_meant():
    warm = STAGES | {
        "scanner": {"num_ffp_x": 16, "num_ffp_y": 16, "particle": {"temperature_k": 600.0}},
        "image_shape": [16, 16],
    }
    sentence = "experiment.scanner.particle.temperature_k is 600.0: 600 K is far above the temperat"
    with pytest.raises(InputError, match=sentence):
        build_experiment(warm)
    with pytest.raises(InputError, match=sentence):
        build_experiment(warm | {"unusual": ["core_diameter_m"]})
    meant = build_experiment(warm | {"unusual": ["temperature_k"]})
    assert meant.scanner.particle.temperature_k == 600


def test_stages_that_make_images_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"the final image .* has shape \[1, 1, 8, 8\], not"):
        small_experiment(refinement=nn.MaxPool2d(2))
    with pytest.raises(InputError, match=r"^the configured networks fail on a signal of shape"):
        small_experiment(refinement=nn.BatchNorm3d(1))


def test_splits_share_no_sample(experiment):
    parts = [training_suite(experiment, TwoPoints(), 8, split).sets[0] for split in ("val", "test")]
    images = [part.scan(experiment.scans, torch.arange(8)).concentration for part in parts]
    streams = RandomStreams(0, 0, torch.arange(8))
    images.append(experiment.scans.scan(experiment.mixture, streams).concentration)
    everything = torch.cat(images).flatten(1)
    distances = torch.cdist(everything, everything) + torch.eye(24)
    assert distances.min() > 0


def test_disturbances_come_before_the_noise():
    gain = GainVariation(relative_std=0.5)
    experiment = small_experiment(disturbances=[gain])
    scanner = experiment.scanner
    ideal, streams = scan(small_experiment(peak_snr_db=300.0))
    expected = WhiteNoise()(gain(ideal.signal, scanner, streams), scanner, streams)
    actual, _ = scan(experiment)
    torch.testing.assert_close(actual.signal, expected, rtol=0, atol=1e-6)
    assert torch.equal(actual.concentration, ideal.concentration)


def test_the_true_scanner_differs_in_what_is_named_and_nothing_else(experiment):
    changes = {"gradient_x_t_per_m": 4.5, "particle": {"core_diameter_m": 24e-9}}
    off = small_experiment(true_scanner=changes)
    true = off.scans.forward_model.scanner
    assert (true.gradient_x_t_per_m, true.particle.core_diameter_m) == (4.5, 24e-9)
    assert (true.num_ffp_x, true.particle.temperature_k) == (16, 300.0)
    assert true == off.actual_scanner
    assert off.forward_model.scanner == experiment.scanner == experiment.actual_scanner
    with pytest.raises(InputError, match=r"^true_scanner is .*'gradient_z'"):
        small_experiment(true_scanner={"gradient_z": 1.0})


def test_scanners_spread_around_the_true_one():
    changes = {"drive_amplitude_t": 6e-3, "particle": {"temperature_k": 350.0}}
    experiment = small_experiment(true_scanner=changes)
    spread = ScannerSpread(gradient=0.05, num_scanners=2)
    for model in experiment.varied_scans(spread, None).bank:
        assert model.scanner.drive_amplitude_t == 6e-3
        assert model.scanner.particle.temperature_k == 350.0
        assert 0 < abs(model.scanner.gradient_x_t_per_m / 5.0 - 1) < 0.05


@pytest.mark.parametrize("spread", [None, ScannerSpread(gradient=0.05, num_scanners=2)])
def test_a_true_scanner_that_relaxes_is_received_by_both_channels(spread):
    relaxed = {"particle": {"relaxation_time_s": 2e-6}}
    experiment = small_experiment(true_scanner=relaxed)
    scans = experiment.varied_scans(spread, (20.0, 50.0))
    sample = scans.scan(experiment.mixture, RandomStreams(0, 3, torch.arange(4)))
    fixed = experiment.scans.scan(experiment.mixture, RandomStreams(0, 3, torch.arange(4)))
    assert sample.signal.shape == fixed.signal.shape
    assert sample.signal.abs().amax(dim=(2, 3)).min() > 0


def test_on_another_scanner_nothing_of_the_first_is_left():
    scanner = {"num_ffp_x": 16, "num_ffp_y": 16, "gradient_x_t_per_m": 4.0}
    trained_for = {**ANY_SCANNER, "true_scanner": {"gradient_x_t_per_m": 5.5}}
    there = build_experiment(trained_for).on(Scanner(**scanner), (16, 16))
    assert there.true_scanner is there.receive_chain is there.system_matrix is None


def test_a_checkpoint_on_another_scanner_has_nothing_of_its_own_left(tmp_path):
    path = tmp_path / "scanner.yaml"
    path.write_text(
        "experiment: {scanner: {gradient_x_t_per_m: 4.0, num_ffp_x: 16, num_ffp_y: 16}}"
    )
    trained_for = {
        **ANY_SCANNER, "true_scanner": {"gradient_x_t_per_m": 5.5}, "receive_chain": {"gain": 7.0},
    }  # fmt: skip
    configuration = {"experiment": trained_for, "data": {"scanners": {"num_scanners": 2}}}
    described, _ = on_scanner(configuration, path, tmp_path / "any.ckpt")
    assert described["true_scanner"] is described["receive_chain"] is None


def test_a_delta_sample_blurs_only_what_reconstructions_believe(experiment):
    measured = small_experiment(delta_sample_m=1e-3)
    assert torch.equal(scan(experiment)[0].signal, scan(measured)[0].signal)
    point = torch.zeros(1, 1, 16, 16)
    point[0, 0, 8, 8] = 1
    peaks = [one.forward_model(point).abs().max() for one in (experiment, measured)]
    assert peaks[1] < 0.9 * peaks[0]
