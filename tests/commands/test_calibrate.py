"""``python -m mpi_cascade calibrate``, from a file to a configuration that trains."""

import json
import sys

import delta_samples
import h5py
import numpy as np
import pytest
import yaml
from command_line import TINY, run
from delta_samples import TRUTH, Y_M
from PIL import Image

from mpi_cascade.cli import main

LAYOUT = ("--x-mm", "-30", "30", "13", "--drive-mt", "5")
GRID = (*LAYOUT, "--y-mm", "-10", "15", "4")


@pytest.fixture
def calibrate(monkeypatch):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mpi_cascade", "calibrate", *map(str, arguments)])
        main()

    return call


@pytest.fixture
def grid(tmp_path):
    return delta_samples.write_rows(tmp_path / "grid.h5", Y_M, 0.01)


@pytest.mark.slow
def test_a_grid_becomes_a_configuration_that_trains(calibrate, grid, tmp_path, capsys, monkeypatch):
    output = tmp_path / "calibrated"
    calibrate(grid, *GRID, "--harmonics", "2", "3", "--output", output)
    shown = capsys.readouterr().out
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
    # The overlay says what the numbers say, and a cascade trains on it.
    runs = run(
        monkeypatch, tmp_path / "runs", "fit", f"--config={output / 'scanner.yaml'}",
        "--trainer.max_epochs=1", "--data.samples_per_epoch=4", config=TINY,
    )  # fmt: skip
    resolved = yaml.safe_load((runs / "config.yaml").read_text())["data"]
    found = {name: numbers["estimates"][name]["value"] for name in TRUTH}
    scanner = resolved["scanner"]
    assert scanner["gradient_x_t_per_m"] == pytest.approx(found["gradient_x_t_per_m"], rel=1e-4)
    assert scanner["gradient_y_t_per_m"] == pytest.approx(found["gradient_y_t_per_m"], rel=1e-4)
    diameter_m = scanner["particle"]["core_diameter_m"]
    assert diameter_m == pytest.approx(found["core_diameter_m"], rel=1e-4)
    assert scanner["field_of_view_x_m"] == pytest.approx(65e-3)
    assert scanner["field_of_view_y_m"] == pytest.approx(25e-3 * 4 / 3, rel=1e-4)
    # A point's response is what was fitted: no sample blurs the model that is believed in.
    assert resolved["delta_sample_m"] == 0
    # Phantoms are as large, relative to the smaller side, as they are for the reference scanner.
    factor = scanner["field_of_view_y_m"] / 6.4e-3
    bars = resolved["phantoms"]["bars"]["init_args"]
    assert bars["length_mm"] == pytest.approx([0.3 * factor, 2.5 * factor], rel=0.05)
    assert resolved["two_points"]["init_args"]["diameter_mm"] == pytest.approx(
        0.4 * factor, rel=0.05
    )
    assert resolved["peak_snr_db"] == pytest.approx(40, abs=1)
    # Of drift and gain there was none, and feed-through is subtracted wherever it was measured.
    assert resolved["disturbances"] == []
    assert numbers["harmonics"][1]["feed_through"] == pytest.approx(
        delta_samples.FEED_THROUGH, rel=0.05
    )


def test_a_line_leaves_the_gradient_along_y_open(calibrate, tmp_path):
    line = delta_samples.write_rows(tmp_path / "line.h5", np.array([1e-3]), 0.01)
    calibrate(line, *LAYOUT, "--harmonics", "2", "4", "--output", tmp_path / "calibrated")
    data = yaml.safe_load((tmp_path / "calibrated" / "scanner.yaml").read_text())["data"]
    assert data["scanner"]["gradient_y_t_per_m"] == data["scanner"]["gradient_x_t_per_m"]
    assert data["scanner"]["num_ffp_y"] == 1
    assert data["image_shape"][0] == 1
    # Without the third harmonic, the first of those that were fitted.
    assert data["scanner"]["harmonics"] == [2]
    assert "disturbances" not in data


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "grid.h5 is no MDF: say where its rows were measured with --x-mm FIRST LAST NUM"),
        (("--x-mm", "-30", "30", "12", "--drive-mt", "5"), "1 lines of 12 positions need 12 rows"),
        (("--x-mm", "-30", "30", "1", "--drive-mt", "5"), "their number, 2 … 10000"),
        (("--x-mm", "-30", "30", "2.5", "--drive-mt", "5"), "--x-mm is -30 30 2.5: give the first"),
        (("--x-mm", "-30", "nan", "3", "--drive-mt", "5"), "--x-mm is -30 nan 3: give the first"),
        (("--x-mm", "5", "5", "3", "--drive-mt", "5"), "the positions must differ"),
        ((*LAYOUT[:4], "--drive-mt", "0"), "--drive-mt is 0.0: it must be greater than 0"),
        ((*GRID, "--dataset", "signals"), "has no data set /signals: it holds matrix in /"),
        ((*GRID, "--harmonics", "1"), "the harmonics are [1]: the scan has 2 … 32"),
        ((*GRID, "--harmonics", "three"), "argument --harmonics: invalid int value: 'three'"),
    ],
)
def test_what_cannot_be_used_is_refused(calibrate, grid, tmp_path, capsys, arguments, sentence):
    with pytest.raises(SystemExit) as stopped:
        calibrate(grid, *arguments, "--output", tmp_path / "calibrated")
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert sentence in message
    assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == [grid]


def test_a_harmonic_that_is_zero_is_refused(calibrate, tmp_path, capsys):
    path = tmp_path / "grid.h5"
    values = np.fft.rfft(delta_samples.rows(Y_M, 0.01, 0))
    values[..., 3] = 0
    with h5py.File(path, "w") as file:
        file["matrix"] = np.fft.irfft(values).reshape(-1, delta_samples.NUM_SAMPLES)
    with pytest.raises(SystemExit):
        calibrate(path, *GRID, "--harmonics", "2", "3", "--output", tmp_path / "calibrated")
    assert "harmonic 3 has no signal" in capsys.readouterr().err


def test_a_directory_with_something_in_it_is_kept(calibrate, grid, tmp_path, capsys):
    with pytest.raises(SystemExit):
        calibrate(grid, *GRID, "--output", tmp_path)
    assert "is not empty: choose another directory with --output" in capsys.readouterr().err
