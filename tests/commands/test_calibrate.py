"""``calibrate``, from a file to a configuration that simulates."""

import json

import command_line
import delta_samples
import numpy as np
import pytest
import yaml
from delta_samples import TRUTH, Y_M
from mdf_files import write_hdf5
from PIL import Image

from mpi_cascade.calibration.model import ScanModel
from mpi_cascade.configurations import build_experiment, read_receive_chain
from mpi_cascade.phantoms import default_families
from mpi_cascade.phantoms.pair_suite import TwoPointSuite
from mpi_cascade.phantoms.scaling import rescaled
from mpi_cascade.physics.resolution import length_scale, psf_detail_m
from mpi_cascade.physics.scanner import Scanner

LAYOUT = ("--x-mm", "-30", "30", "13", "--drive-mt", "5")
GRID = (*LAYOUT, "--y-mm", "-10", "15", "4")


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    return delta_samples.write_rows(tmp_path_factory.mktemp("rows") / "grid.h5", Y_M, 0.01)


def test_a_grid_becomes_a_configuration(grid, tmp_path):
    output = tmp_path / "calibrated"
    shown = command_line.succeed(
        "calibrate", grid, *GRID, "--harmonics", "2", "3", "--output", output
    )
    assert f"Everything lies in {output}" in shown
    assert {path.name for path in output.iterdir()} == {
        "scanner.yaml", "calibration.json", "calibration.png"
    }  # fmt: skip
    numbers = json.loads((output / "calibration.json").read_text())
    for name, truth in TRUTH.items():
        estimate = numbers["estimates"][name]
        assert abs(estimate["value"] - truth) < 3 * estimate["std"], name
    assert [entry["harmonic"] for entry in numbers["harmonics"]] == [2, 3]
    with Image.open(output / "calibration.png") as picture:
        assert picture.size[0] > 500
    # The overlay says what the numbers say, and an experiment is built from it.
    overlay = yaml.safe_load((output / "scanner.yaml").read_text())
    stages = dict.fromkeys(("preliminary", "refinement"), "torch.nn.Identity")
    small = {"num_ffp_x": 16, "num_ffp_y": 16, **overlay["experiment"]["scanner"]}
    experiment = build_experiment(
        {**overlay["experiment"], **stages, "scanner": small, "image_shape": [16, 16]}
    )
    found = {name: numbers["estimates"][name]["value"] for name in TRUTH}
    scanner = experiment.scanner
    for name in ("gradient_x_t_per_m", "gradient_y_t_per_m"):
        assert getattr(scanner, name) == pytest.approx(found[name], rel=1e-4)
    diameter_m = scanner.particle.core_diameter_m
    assert diameter_m == pytest.approx(found["core_diameter_m"], rel=1e-4)
    assert scanner.field_of_view_m == pytest.approx((25e-3 * 4 / 3, 65e-3), rel=1e-4)
    # A point's response is what was fitted: no sample blurs the model that is believed in.
    assert experiment.delta_sample_m == 0
    # Phantoms and pairs are as large as the PSF needs; bars can't be.
    assert overlay["experiment"]["phantoms"] is None
    usual = rescaled(default_families(), length_scale(scanner, (16, 16)), scanner.field_of_view_m)
    assert experiment.mixture.families == usual
    factor = psf_detail_m(scanner) / psf_detail_m(Scanner())
    assert factor > 10
    assert experiment.mixture.families["bars"].length_mm[1] < factor * 2.5
    suite = TwoPointSuite(**overlay["data"]["two_points"])
    pairs = suite.pairs(length_scale(scanner, (64, 64)), scanner.field_of_view_m)
    assert pairs.diameter_mm == pytest.approx(0.4 * factor, rel=0.05)
    pairs.check_fits(scanner.field_of_view_m)
    assert experiment.peak_snr_db == pytest.approx(40, abs=1)
    # Of drift and gain there was none, and feed-through is subtracted wherever it was measured.
    assert "disturbances" not in overlay["experiment"]
    assert numbers["harmonics"][1]["feed_through"] == pytest.approx(
        delta_samples.FEED_THROUGH, rel=0.05
    )


def experiment_for_scans(grid, output, ffp_grid, region_mm):
    options = ("--harmonics", 3, "--ffp-grid", *ffp_grid, "--region-mm", *region_mm)
    command_line.succeed("calibrate", grid, *GRID, *options, "--output", output)
    experiment = yaml.safe_load((output / "scanner.yaml").read_text())["experiment"]
    return {**experiment, "preliminary": "mpi_cascade.models.preliminary.FixedTikhonov"}


def test_the_grid_of_the_scans_is_not_that_of_the_sample(grid, tmp_path):
    experiment = experiment_for_scans(grid, tmp_path / "calibrated", (30, 12), (60, 24))
    built = build_experiment({**experiment, "refinement": "torch.nn.Identity"})
    scanner = built.scanner
    assert scanner.ffp_shape == (12, 30) and scanner.field_of_view_m == (24e-3, 60e-3)
    assert built.image_shape == (16, 32)
    scale = length_scale(scanner, built.image_shape)
    usual = rescaled(default_families(), scale, scanner.field_of_view_m)
    assert built.mixture.families == usual
    # What the receiver makes of tracer is what was fitted where the sample was.
    assert built.receive_chain.scanner.field_of_view_m == pytest.approx((25e-3 * 4 / 3, 65e-3))


def test_lines_may_be_scanned_after_a_grid(grid, tmp_path):
    experiment = experiment_for_scans(grid, tmp_path / "calibrated", (32, 1), (64, 16))
    assert build_experiment(experiment).image_shape == (1, 32)


def test_a_region_that_phantoms_do_not_fit_in_is_refused(refusal, grid, tmp_path):
    options = ("--harmonics", 3, "--ffp-grid", 32, 1, "--region-mm", 64, 1)
    said = refusal("calibrate", grid, *GRID, *options, "--output", tmp_path / "made")
    assert "mm large, the field of view has 1.00 mm" in said
    assert not (tmp_path / "made").exists()


def test_a_line_leaves_the_gradient_along_y_open(tmp_path):
    line = delta_samples.write_rows(tmp_path / "line.h5", np.array([1e-3]), 0.01)
    output = tmp_path / "calibrated"
    command_line.succeed("calibrate", line, *LAYOUT, "--harmonics", 2, 4, "--output", output)
    experiment = yaml.safe_load((output / "scanner.yaml").read_text())["experiment"]
    scanner = experiment["scanner"]
    assert scanner["gradient_y_t_per_m"] == scanner["gradient_x_t_per_m"]
    assert scanner["num_ffp_y"] == 1
    assert experiment["receive_chain"]["harmonics"] == [2, 4]
    # Without the third harmonic, the first of those that were fitted.
    assert scanner["harmonics"] == [2]
    experiment["preliminary"] = "mpi_cascade.models.preliminary.FixedTikhonov"
    assert build_experiment(experiment).image_shape == (1, 64)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "grid.h5 is no MDF: say where its rows were measured with --x-mm FIRST LAST NUM"),
        (("--x-mm", "-30", "30", "12", "--drive-mt", "5"), "1 lines of 12 positions need 12 rows"),
        (("--x-mm", "-30", "30", "1", "--drive-mt", "5"), "their number, 2 … 10000"),
        (("--x-mm", "-30", "30", "2.5", "--drive-mt", "5"), "--x-mm is -30 30 2.5: give the first"),
        (("--x-mm", "-30", "nan", "3", "--drive-mt", "5"), "--x-mm is nan: it must be a number"),
        (("--x-mm", "5", "5", "3", "--drive-mt", "5"), "in mm, which must differ"),
        ((*LAYOUT, "--y-mm", ".nan", "3", "4"), "--y-mm is nan 3 4: give the first and last"),
        ((*LAYOUT[:4], "--drive-mt", "0"), "--drive-mt is 0.0: it must be greater than 0"),
        ((*GRID, "--dataset", "signals"), "has no data set /signals: it holds matrix in /"),
        ((*GRID, "--harmonics", "1"), "the harmonics are [1]: the scan has 2 … 32"),
        ((*GRID, "--concentration", "5 mg/ml"), "how large the sample is nobody says: give its ed"),
        ((*GRID, "--mass", "much"), "--mass is much: give a number above 0 and its unit"),
        ((*GRID, "--ffp-grid", "8", "8"), "belong together: give both, or neither"),
        ((*GRID, "--harmonics", "three"), "--harmonics is three: it must be a whole number"),
    ],
)
def test_what_cannot_be_used_is_refused(refusal, grid, arguments, sentence):
    assert sentence in refusal("calibrate", grid, *arguments, "--output", "made")


@pytest.mark.slow
def test_noise_is_no_scanner(tmp_path, monkeypatch):
    """Nothing that ``fit`` would take is written, and the command ends with 1, before long."""
    # Nobody asks how certain the quantities of a scan are that is refused.
    monkeypatch.setattr("mpi_cascade.calibration.blocks.with_block_uncertainties", None)
    profiles, calls = ScanModel.profiles, []
    monkeypatch.setattr(
        ScanModel, "profiles", lambda model, values: calls.append(1) or profiles(model, values)
    )
    path, output = tmp_path / "noise.h5", tmp_path / "calibrated"
    write_hdf5(path, {"matrix": np.random.default_rng(0).normal(size=(56, 64))})
    ended = command_line.call("calibrate", path, *GRID, "--harmonics", 3, "--output", output)
    assert ended.status == 1
    # Searches of 100 steps, up to seven quotients each: of the whole scan and of its four lines.
    assert len(calls) < 4000
    assert f"error: {path}: below the noise are the harmonics 3 (" in ended.errors
    assert "Traceback" not in ended.errors
    assert f"Everything lies in {output}; there is no scanner.yaml" in ended.output
    assert "mpi-cascade fit" not in ended.output
    assert {path.name for path in output.iterdir()} == {"calibration.json", "calibration.png"}
    assert json.loads((output / "calibration.json").read_text())["reasons_against"]


def test_a_known_sample_gives_images_their_unit(tmp_path):
    line = delta_samples.write_rows(tmp_path / "line.h5", np.array([1e-3]), 0.01)
    output = tmp_path / "calibrated"
    shown = command_line.succeed(
        "calibrate", line, *LAYOUT, "--harmonics", 2, 3, "--sample-mm", 8, "--unit", "mV",
        "--concentration", "5 mg Fe/ml", "--output", output,
    )  # fmt: skip
    assert "mV for a signal of 1 (5 mg Fe/ml)" in shown
    chain = read_receive_chain(output / "scanner.yaml")
    assert (chain.unit, chain.concentration, chain.concentration_unit) == ("mV", 5.0, "mg Fe/ml")
    numbers = json.loads((output / "calibration.json").read_text())
    for entry, std in zip(numbers["harmonics"], chain.gain_relative_std, strict=True):
        assert entry["response_relative_std"] == pytest.approx(std, rel=1e-4)


def test_a_harmonic_that_is_zero_is_refused(refusal, tmp_path):
    values = np.fft.rfft(delta_samples.rows(Y_M, 0.01, 0))
    values[..., 3] = 0
    periods = np.fft.irfft(values).reshape(-1, delta_samples.NUM_SAMPLES)
    path = write_hdf5(tmp_path / "grid.h5", {"matrix": periods})
    message = refusal("calibrate", path, *GRID, "--harmonics", 2, 3, "--output", "calibrated")
    assert "harmonic 3 has no signal" in message


def test_a_directory_with_something_in_it_is_kept(grid):
    message = command_line.refusal("calibrate", grid, *GRID, "--output", grid.parent)
    assert "is not empty: choose another directory with --output" in message
