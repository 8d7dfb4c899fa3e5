"""``guarantee``, and what it makes of ``reconstruct``, ``compare`` and exports."""

import command_line
import h5py
import nibabel
import numpy as np
import pytest
import torch
from PIL import Image
from results import table

from mpi_cascade.evaluation import measures
from mpi_cascade.evaluation.interval_coverage import LIKE_CALIBRATION, coverage
from mpi_cascade.evaluation.methods import cascade_method
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.export import export_onnx, export_program
from mpi_cascade.mdf import write_scans
from mpi_cascade.models.intervals import Interval
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.results.progress import Progress
from mpi_cascade.trained import load, save


def test_a_checkpoint_gets_its_guarantee(with_intervals, tmp_path):
    directory = tmp_path / "guarantee"
    shown = command_line.succeed(
        "guarantee", with_intervals.checkpoint, "--num-scans", 120, "--output", directory
    )
    assert "At most 10 % of the pixels with tracer" in shown
    guarantee = load(directory / with_intervals.checkpoint.name).guarantee
    (row,) = table(directory / "guarantee.csv")
    (group,) = guarantee.groups
    assert float(row["pixel_factor"]) == group.pixel_factor
    assert 100 <= int(row["num_scans"]) <= 120
    with Image.open(directory / "guarantee.png") as picture:
        assert picture.width > 600


def test_it_needs_intervals_and_scans(refusal, trained, with_intervals):
    assert "gives no intervals: train its head" in refusal("guarantee", trained.checkpoint)
    words = ("guarantee", with_intervals.checkpoint)
    assert "--num-scans is 5: to miss no more than 10 %" in refusal(*words, "--num-scans", 5)
    assert "--risk is 1.5: it must lie between 0 and 1" in refusal(*words, "--risk", 1.5)


@pytest.mark.parametrize("command", ["test", "validate"])
def test_a_judgement_has_the_coverage_of_calibrated_intervals(with_intervals, tmp_path, command):
    directory = tmp_path / "judged"
    command_line.succeed(
        command, with_intervals.checkpoint, "--data.num_validation", 8, "--data.num_test", 8,
        "--data.two_points.cases_per_gap", 4, "--classical", "--output", directory,
    )  # fmt: skip
    found = {row["set_name"]: row for row in table(directory / "coverage.csv")}
    assert set(found) == {LIKE_CALIBRATION, "phantoms"}
    assert 0 < float(found["phantoms"]["covered"]) <= 1
    assert (directory / "coverage.png").is_file()


def test_reconstruct_writes_the_intervals(with_intervals, tmp_path):
    checkpoint, cascade, signal = with_intervals
    scans = torch.cat((signal[:2], signal[:1] + 0.5 * signal[:1].abs().amax()))
    write_scans(tmp_path / "scans.mdf", scans, cascade.experiment.scanner)
    directory = tmp_path / "reconstructed"
    shown = command_line.succeed(
        "reconstruct", checkpoint, tmp_path / "scans.mdf", "--output", directory, "--png",
        "--pairs", 0,
    )  # fmt: skip
    found = cascade.intervals(scans, cascade(scans))
    assert found.withheld[:2] == ["", ""]
    assert found.withheld[2]
    for name in Interval._fields:
        volume = nibabel.load(directory / f"{name}.nii.gz").get_fdata()
        with h5py.File(directory / "reconstruction.mdf") as file:
            stored = file[f"reconstruction/_{name}"][:, :, 0]
        expected = getattr(found, name).flatten(1).numpy()
        np.testing.assert_allclose(stored, expected, atol=1e-6)
        assert np.isnan(stored[2]).all()
        np.testing.assert_allclose(np.nansum(volume), np.nansum(stored), rtol=1e-5)
    held = [row["intervals"] for row in table(directory / "scans.csv")]
    assert held == ["90 %"] * 2 + [f"withheld: {found.withheld[2]}"]
    masses = table(directory / "objects.csv")
    assert [int(row["scan"]) for row in masses] == [
        scan for scan in range(2) for _ in found.masses[scan]
    ]
    first = found.masses[0][0]
    assert float(masses[0]["mass_mm2"]) == pytest.approx(1e6 * first.mass_m2, rel=1e-3)
    assert float(masses[0]["highest_mm2"]) == pytest.approx(1e6 * first.highest_m2, rel=1e-3)
    assert "intervals: 2 of 3 scans have some; of the pixels with tracer, and of" in shown
    assert "at least 90 % lie inside, in the mean over scans like those of" in shown
    assert f"no intervals for 1 of 3 scans, the first is 2: {found.withheld[2]}" in shown
    for path in (directory / "intervals.png", directory / "png" / "scan-2-intervals.png"):
        with Image.open(path) as picture:
            assert picture.width > 600


def test_reconstruct_goes_on_without_a_guarantee(with_intervals, tmp_path):
    _, cascade, signal = with_intervals
    save(cascade._replace(guarantee=None), tmp_path / "bare.ckpt")
    write_scans(tmp_path / "scans.mdf", signal[:2], cascade.experiment.scanner)
    directory = tmp_path / "reconstructed"
    ended = command_line.call(
        "reconstruct", tmp_path / "bare.ckpt", tmp_path / "scans.mdf", "--output", directory,
        "--pairs", 0,
    )  # fmt: skip
    assert not ended.status
    assert "no intervals: the intervals of these weights have no guarantee" in ended.errors
    names = {path.name for path in directory.iterdir()}
    assert not names & {"lower.nii.gz", "upper.nii.gz", "objects.csv", "intervals.png"}
    assert "images.png" in names


def test_nothing_is_claimed_where_no_scan_has_intervals(with_intervals, tmp_path):
    checkpoint, cascade, signal = with_intervals
    wrong = signal[:1] + 0.5 * signal[:1].abs().amax()
    write_scans(tmp_path / "scans.mdf", wrong, cascade.experiment.scanner)
    shown = command_line.succeed(
        "reconstruct", checkpoint, tmp_path / "scans.mdf", "--output", tmp_path / "made",
        "--pairs", 0,
    )  # fmt: skip
    assert "intervals: 0 of 1 scans have some\n" in shown and "lie inside" not in shown


def test_coverage_counts_sets_and_ensembles(with_intervals):
    cascade = with_intervals.cascade
    methods = [cascade_method(cascade, "one", number, "") for number in range(3)]
    part = EvaluationSet(
        name="faint", kind=measures.PHANTOMS, scene=PhantomMixture(), indices=range(12),
        peak_snr_db=10.0,
    )  # fmt: skip
    found = coverage(methods, [part], cascade.experiment, 8, Progress(None))
    assert [(row.number, row.set_name) for row in found] == [
        (number, name) for number in (0, 1, 2, -1) for name in (LIKE_CALIBRATION, "faint")
    ]
    like, faint = found[:2]
    assert (like.num_scans, faint.num_scans) == (512, 12)
    # 60 scans leave a wide margin, and what they promise holds.
    assert 0.88 < like.covered < 1
    assert like.masses > 0.85
    assert like.is_guaranteed
    assert like.withheld < 0.15
    assert not faint.is_guaranteed
    assert faint.withheld == 1
    ensemble = found[-1]
    # Three times the same training has no spread at all.
    assert ensemble.half_width == 0
    assert ensemble.covered < 0.2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_exports_have_the_intervals(with_intervals, tmp_path):
    cascade, signal = with_intervals.cascade, with_intervals.signal[:7]
    images = cascade(signal)
    with torch.no_grad():
        expected = (*images, *cascade.intervals.ends(signal, images))
    assert export_program(cascade, tmp_path / "cascade.pt2") < 1e-5
    program = torch.export.load(tmp_path / "cascade.pt2").module()
    for found, wanted in zip(program(signal), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5, equal_nan=True)
    onnxruntime = pytest.importorskip("onnxruntime")
    assert export_onnx(cascade, tmp_path / "cascade.onnx") < 1e-5
    session = onnxruntime.InferenceSession(tmp_path / "cascade.onnx")
    assert [output.name for output in session.get_outputs()] == ["preliminary", "final"]
