"""Measured scans in arrays, against numpy by hand."""

import command_line
import h5py
import numpy as np
import pytest
import torch

import mpi_cascade
from mpi_cascade.checks import InputError
from mpi_cascade.mdf import MDFFile, read_images
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.reconstruction.pair_table import PairTable
from mpi_cascade.reconstruction.scans import open_scans
from mpi_cascade.scans.scanner_models import ScannerModels

SCANNER = Scanner(num_ffp_x=6, num_ffp_y=5)
GAIN, PHASE_RAD, BACKGROUND = 250.0, 0.7, 3.0 - 2.0j
CHAIN = ReceiveChain(
    scanner=SCANNER, harmonics=(2, 3), gain=(1.0, GAIN), phase_rad=(0.1, PHASE_RAD),
    background_real=(0.0, BACKGROUND.real), background_imag=(0.0, BACKGROUND.imag),
    unit="counts", concentration=5.0, concentration_unit="mg Fe/ml",
)  # fmt: skip
SIGNALS = np.random.default_rng(0).normal(size=(3, 5, 6))
AMPLITUDES = GAIN * np.exp(1j * PHASE_RAD) * SIGNALS
TIME = np.arange(32) / 32


def periods():
    third = (AMPLITUDES + BACKGROUND)[..., None] * np.exp(2j * np.pi * 3 * TIME)
    return third.real + 9.0 + 40 * np.cos(2 * np.pi * TIME)


def read(path, dataset=None, chain=CHAIN, scale=None, scanner=SCANNER):
    with open_scans(path, dataset, ScannerModels(scanner), chain, scale) as scans:
        return torch.cat(list(scans.batches(2))).numpy(), scans


@pytest.mark.parametrize(
    "values", [AMPLITUDES, AMPLITUDES[:, None].astype(np.complex64), GAIN * SIGNALS, periods()]
)
def test_every_layout_becomes_the_same_signals(tmp_path, values):
    np.save(tmp_path / "scans.npy", values)
    with h5py.File(tmp_path / "scans.h5", "w") as file:
        file["a/b"] = values
    for path, dataset in ((tmp_path / "scans.npy", None), (tmp_path / "scans.h5", "a/b")):
        found, scans = read(path, dataset)
        np.testing.assert_allclose(found[:, 0], SIGNALS, atol=1e-5)
        assert (scans.concentration, scans.concentration_unit) == (5.0, "mg Fe/ml")
        assert scans.has_scale
        assert len(scans.remarks) == (values.ndim == 4 and values.shape[-1] == 32)


def test_rows_of_one_scan_and_counts(tmp_path):
    np.save(tmp_path / "rows.npy", periods()[1].reshape(30, 32))
    np.testing.assert_allclose(read(tmp_path / "rows.npy")[0][:, 0], SIGNALS[1:2], atol=1e-5)
    np.save(tmp_path / "rows.npy", (1000 * periods()[1]).round().astype(np.int32).reshape(30, 32))
    chain = ReceiveChain(
        scanner=SCANNER, harmonics=(3,), gain=(1e3 * GAIN,), phase_rad=(PHASE_RAD,)
    )
    found, scans = read(tmp_path / "rows.npy", chain=chain)
    offset = (BACKGROUND * np.exp(-1j * PHASE_RAD)).real / GAIN
    np.testing.assert_allclose(found[0, 0], SIGNALS[1] + offset, atol=1e-4)
    assert scans.remarks == []


def test_a_relaxing_tracer_keeps_its_quadrature(tmp_path):
    scanner = Scanner(
        num_ffp_x=6, num_ffp_y=5, particle=mpi_cascade.Particle(relaxation_time_s=1e-6)
    )
    np.save(tmp_path / "scans.npy", AMPLITUDES * (1 + 0.5j))
    found, _ = read(tmp_path / "scans.npy", scanner=scanner)
    np.testing.assert_allclose(found[:, 0], SIGNALS, rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], 0.5 * SIGNALS, rtol=1e-5)


def test_a_scale_is_the_value_of_a_signal_of_1(tmp_path):
    np.save(tmp_path / "scans.npy", GAIN * SIGNALS)
    found, scans = read(tmp_path / "scans.npy", chain=None, scale=GAIN)
    np.testing.assert_allclose(found[:, 0], SIGNALS, rtol=1e-6)
    assert scans.has_scale
    assert scans.concentration_unit is None


@pytest.mark.parametrize(
    "values", [np.zeros((3, 5, 7)), np.zeros((29, 32)), np.zeros((3, 5, 6, 4)), np.zeros(())]
)
def test_another_layout_is_refused(tmp_path, values):
    np.save(tmp_path / "scans.npy", values)
    with pytest.raises(InputError, match=r"measured scans of the harmo"):
        read(tmp_path / "scans.npy")


def test_one_faint_scan_among_others_has_the_scale_of_its_file(trained, tmp_path):
    """However many of them are reconstructed at a time."""
    values = trained.signal[:3].numpy().copy()
    values[2] *= 1e-5
    np.save(tmp_path / "scans.npy", values)
    command_line.succeed(
        "reconstruct", trained.checkpoint, tmp_path / "scans.npy", "--batch-size", 1,
        "--pairs", 0, "--output", tmp_path / "made",
    )  # fmt: skip


def test_scans_whose_scale_is_missing_are_refused(refusal, trained, tmp_path):
    volts = 1e-6 * trained.signal[:3].numpy()
    for values in (volts, 1e12 * volts):
        np.save(tmp_path / "scans.npy", values)
        message = refusal("reconstruct", trained.checkpoint, "scans.npy", "--output", "made")
        assert "so their scale is missing: give the scanner.yaml" in message
    np.save(tmp_path / "scans.npy", volts)
    command_line.succeed(
        "reconstruct", trained.checkpoint, tmp_path / "scans.npy", "--scale", 1e-6,
        "--pairs", 0, "--output", tmp_path / "made",
    )  # fmt: skip
    with MDFFile(tmp_path / "made" / "reconstruction.mdf") as file:
        expected = trained.cascade(trained.signal[:3]).final
        torch.testing.assert_close(read_images(file), expected, rtol=1e-3, atol=1e-5)


def test_a_missing_scale_is_refused_before_any_scan_is_reconstructed(
    refusal, trained, tmp_path, monkeypatch
):
    monkeypatch.setattr(PairTable, "add", lambda *arguments: pytest.fail("a scan has an image"))
    np.save(tmp_path / "scans.npy", 1e-6 * trained.signal[:3].numpy())
    message = refusal("reconstruct", trained.checkpoint, "scans.npy", "--output", "made")
    assert "so their scale is missing: give the scanner.yaml" in message


def test_python_reads_what_the_command_reads(trained, tmp_path):
    scanner = trained.cascade.experiment.scanner
    chain = ReceiveChain(scanner=scanner, harmonics=(3,), gain=(2e-3,), phase_rad=(1.0,))
    np.save(tmp_path / "scans.npy", 2e-3 * np.exp(1j) * trained.signal[:3].numpy())
    found = mpi_cascade.read_signals(
        tmp_path / "scans.npy", trained.cascade.experiment, chain=chain
    )
    torch.testing.assert_close(found, trained.signal[:3])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "can't be read (No such file or directory)"),
        ("experiment: {}", "has no experiment.receive_chain: name the scanner.yaml"),
        ("- 1", "has no experiment.receive_chain"),
        ("experiment: {receive_chain: 3}", "has no experiment.receive_chain"),
        ("experiment: {receive_chain: {gains: [1]}}", "scanner.yaml: "),
        ("{", "line 1: this is not valid YAML"),
    ],
)
def test_a_file_without_a_receive_chain_is_refused(refusal, trained, tmp_path, text, sentence):
    path = tmp_path / "scanner.yaml"
    if text is not None:
        path.write_text(text)
    np.save(tmp_path / "scans.npy", trained.signal[:1].numpy())
    said = refusal(
        "reconstruct", trained.checkpoint, "scans.npy", "--scanner", path, "--output", "made"
    )
    assert sentence in said
    assert f"or leave --scanner out: {trained.checkpoint} is for one scanner" in said
