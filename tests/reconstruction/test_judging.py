import math

import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.reconstruction.judging import Judge, Quality, usual


@pytest.fixture(scope="module")
def judge(trained):
    return Judge(trained.cascade)


def words(judge, trained, signal):
    quality, _ = judge.measure(signal, trained.cascade(signal).final)
    return judge.warnings(quality)


def test_scans_like_those_of_the_training_pass(judge, trained):
    found = words(judge, trained, trained.signal)
    assert sum(map(bool, found)) <= 2


def test_other_scans_are_named(judge, trained):
    torch.manual_seed(0)
    peak = judge.training.peak.median()
    usual = trained.signal[(trained.signal.abs().amax((1, 2, 3)) / peak - 1).abs().argmin()][None]
    noise = usual.abs().max() * torch.randn_like(usual)
    assert words(judge, trained, usual) == [[]]
    assert words(judge, trained, 0 * usual) == [["no signal"]]
    assert "peak far above training" in words(judge, trained, 10 * usual)[0]
    assert "peak far below training" in words(judge, trained, usual / 100)[0]
    assert "SNR below training" in words(judge, trained, usual + noise / 5)[0]
    assert "SNR above training" in words(
        judge, trained, trained.cascade.experiment.forward_model(torch.ones(1, 1, 16, 16))
    )[0]  # fmt: skip
    # Feed-through is no noise, and no image explains it.
    assert "residual far above training" in words(judge, trained, usual + usual.abs().max())[0]


def test_residual_and_ratio_are_what_they_say(judge, trained):
    image = torch.rand(1, 1, 16, 16)
    noise = 1e-3 * torch.randn(1, 1, 16, 16)
    signal = trained.cascade.experiment.forward_model(image) + noise
    quality, _ = judge.measure(signal, image)
    assert quality.residual.item() == pytest.approx(noise.square().mean().sqrt().item(), rel=1e-3)
    assert quality.residual_to_noise.item() == pytest.approx(
        (quality.residual / quality.noise).item()
    )
    decibel = 20 * math.log10(signal.abs().max().item() / quality.noise.item())
    assert quality.peak_snr_db.item() == pytest.approx(decibel, abs=1e-3)


def test_without_an_eigenbasis_the_share_is_not_known_and_all_else_is(trained, monkeypatch):
    def refuse(model):
        raise InputError("too large")

    monkeypatch.setattr("mpi_cascade.reconstruction.judging.MeasuredPart", refuse)
    blind = Judge(trained.cascade)
    assert blind.training.measured_share.isnan().all() and blind.training.noise.isfinite().all()


def test_a_scan_without_signal_has_neither_snr_nor_ratio():
    quality = Quality(torch.zeros(1), torch.zeros(1), torch.ones(1), torch.zeros(1))
    assert quality.peak_snr_db.isnan().all()
    assert quality.residual_to_noise.isnan().all()


def test_what_is_usual_has_the_noise_and_the_errors_of_the_training(trained):
    data = {
        "training_snr_db": [20.0, 50.0],
        "scanner_spread": {"core_diameter": 0.3, "num_scanners": 4},
    }
    exact, varied = (
        usual(Judge(trained.cascade._replace(configuration={"data": one})).training.peak_snr_db)
        for one in ({}, data)
    )
    assert exact == pytest.approx((30, 30), abs=3)
    assert varied[0] < 23 and varied[1] > 44
