import math
from dataclasses import replace

import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.off_scanners import AlignedPhase, off_scanners, off_sets
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner, changed_scanner

REAL = Scanner(num_ffp_x=16, num_ffp_y=16, harmonics=(2, 3))
RELAXED = replace(REAL, particle=Particle(relaxation_time_s=1e-6))


def signal_of(scanner, unit_scanner=REAL):
    image = torch.zeros(1, 1, 32, 32)
    image[..., 12:15, 10:20] = 1
    return ForwardModel(scanner, (32, 32), unit_scanner=unit_scanner)(image)


def turn(harmonic):
    return math.atan(harmonic * 2 * math.pi * 25e3 * 1e-6)


def test_an_aligned_phase_leaves_the_loss_of_amplitude_alone():
    """By Debye's model: 1/√(1 + (nωτ)²) of each harmonic."""
    received = signal_of(RELAXED)[:, ::2]
    aligned = AlignedPhase(relaxation_time_s=1e-6)(received, REAL, None)
    losses = torch.tensor([math.cos(turn(n)) for n in (2, 3)])[:, None, None]
    torch.testing.assert_close(aligned, losses * signal_of(REAL), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(received, aligned, rtol=0.01)


def test_a_receiver_of_both_parts_is_aligned_to_the_known_relaxation():
    more = changed_scanner(RELAXED, {"particle": {"relaxation_time_s": 2e-6}})
    received = signal_of(more, RELAXED)
    aligned = AlignedPhase(relaxation_time_s=2e-6)(received, RELAXED, None)
    known = signal_of(RELAXED, RELAXED)
    losses = [
        math.cos(math.atan(n * 2 * math.pi * 25e3 * 2e-6)) / math.cos(turn(n)) for n in (2, 2, 3, 3)
    ]
    expected = torch.tensor(losses)[:, None, None] * known
    torch.testing.assert_close(aligned, expected, rtol=1e-3, atol=1e-5)


def test_noise_does_not_fall_with_the_signal():
    off = off_scanners(REAL)["relaxation +1 µs, aligned"]
    sigma = math.cos(turn(2)) * 10 ** (-off.peak_snr_db / 20)
    assert sigma == pytest.approx(10 ** (-30 / 20))
    assert all(
        other.peak_snr_db == 30 for name, other in off_scanners(REAL).items() if "relax" not in name
    )


def test_scanners_are_off_by_what_their_names_say():
    found = {name: changed_scanner(REAL, o.true_scanner) for name, o in off_scanners(REAL).items()}
    for sign in (-1, 1):
        gradient = found[f"gradient {5 * sign:+d} %"]
        assert gradient.gradient_x_t_per_m == pytest.approx((1 + 0.05 * sign) * 5.0)
        assert gradient.gradient_y_t_per_m == pytest.approx((1 + 0.05 * sign) * 2.5)
        core = found[f"core diameter {5 * sign:+d} %"]
        assert core.particle.core_diameter_m == pytest.approx((1 + 0.05 * sign) * 25e-9)
    assert found["spread of cores +0.15"].particle.diameter_log_std == 0.15
    assert found["relaxation +1 µs, aligned"].particle.relaxation_time_s == pytest.approx(1e-6)
    assert len(found) == 6


def test_all_scanners_have_the_same_pairs_and_nulls_in_the_same_noise():
    parts = off_sets(REAL, range(4), cases_per_gap=2, num_nulls=10)
    assert len(parts) == 18
    for stem, num in (("pairs, ", 6), ("nulls, ", 10)):
        of_kind = [part for part in parts if part.name.startswith(stem)]
        assert len({part.stream_number for part in of_kind}) == 1
        assert [len(part.indices) for part in of_kind] == [num] * 6
    assert {part.twin for part in parts if not part.name.startswith(("pairs", "nulls"))} == {
        "phantoms"
    }


def test_a_negative_relaxation_is_refused():
    with pytest.raises(InputError, match=r"^AlignedPhase\.relaxation_time_s is -1\.0: it must not"):
        AlignedPhase(relaxation_time_s=-1.0)
