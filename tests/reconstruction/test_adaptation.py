import pytest
import tiny_cascades
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.reconstruction.adaptation import Check, adapt, is_better


def same_weights(one, other):
    states = one.cascade.state_dict(), other.cascade.state_dict()
    return all(torch.equal(*values) for values in zip(*(s.values() for s in states), strict=True))


def test_weights_are_kept_only_if_held_out_scans_fit_better_and_simulated_ones_no_worse():
    first = Check(0, 1.0, 30.0)
    assert is_better(Check(1, 0.85, 30.0), first, first)
    assert not is_better(Check(1, 0.95, 31.0), first, first)
    assert not is_better(Check(1, 0.85, 29.9), first, first)
    assert not is_better(Check(2, 0.85, 31.0), Check(1, 0.8, 30.0), first)
    assert not is_better(Check(1, float("nan"), float("nan")), first, first)


@pytest.fixture(scope="module")
def untrained():
    """A cascade whose refinement makes much up, which a few steps undo."""
    cascade = tiny_cascades.tiny_cascade(tiny_cascades.SQUARE)
    with torch.no_grad():
        for weight in cascade.cascade.parameters():
            weight.mul_(10)
    return cascade


def test_where_nothing_helps_the_weights_come_back_as_they_were(trained):
    found = adapt(trained.cascade, trained.signal[:8], num_steps=2, learning_rate=1e3)
    assert len(found.checks) == 2 and found.kept == found.checks[0]
    assert same_weights(found.cascade, trained.cascade)
    assert found.summary.endswith("the weights are as they were")


def test_what_helps_is_kept_the_same_every_time_and_the_given_cascade_stays(untrained, trained):
    before = {name: of.clone() for name, of in untrained.cascade.state_dict().items()}
    ones = [adapt(untrained, trained.signal[:8], 12, 1e-2) for _ in range(2)]
    assert ones[0].checks == ones[1].checks and same_weights(ones[0].cascade, ones[1].cascade)
    first, kept = ones[0].checks[0], ones[0].kept
    assert kept.step > 0 and kept.misfit < 0.5 * first.misfit
    assert kept.simulated_psnr_db > first.simulated_psnr_db + 1
    assert f"kept are the weights after {kept.step} steps" in ones[0].summary
    assert not same_weights(ones[0].cascade, untrained)
    assert (ones[0].num_scans, ones[0].num_held_out) == (8, 2)
    after = untrained.cascade.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_scans_that_cannot_be_used_are_left_out_and_too_few_refused(trained):
    signal = trained.signal[:6].clone()
    signal[0, 0, 0, 0], signal[5] = torch.inf, 0.0
    assert adapt(trained.cascade, signal, num_steps=1).num_scans == 4
    with pytest.raises(InputError, match="3 of 5 scans can be used"):
        adapt(trained.cascade, torch.cat((signal[:4], signal[5:])))


def test_noise_that_cannot_be_estimated_is_refused():
    description = {
        **tiny_cascades.SQUARE, "scanner": {"num_ffp_x": 3, "num_ffp_y": 3}, "image_shape": [8, 8],
    }  # fmt: skip
    cascade = tiny_cascades.tiny_cascade(description)
    with pytest.raises(InputError, match=r"noise of scans of \[1, 3, 3\] can't be estimated"):
        adapt(cascade, torch.rand(4, 1, 3, 3))


def test_a_cascade_without_weights_is_refused(trained):
    description = {**tiny_cascades.SQUARE, "refinement": "torch.nn.Identity"}
    with pytest.raises(InputError, match="no weights to adapt"):
        adapt(tiny_cascades.tiny_cascade(description), trained.signal)
