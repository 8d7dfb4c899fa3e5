"""The phases themselves; what they do to a training is in ``test_phases``."""

import re

import pytest
from probes import TwoPhases

from mpi_cascade.checks import InputError
from mpi_cascade.training.strategies import (
    STAGES,
    DeepSupervision,
    Joint,
    Phase,
    Staged,
    StagedThenFineTuned,
)

EVERY_STRATEGY = [Joint(), DeepSupervision(), Staged(), StagedThenFineTuned()]
each_strategy = pytest.mark.parametrize("strategy", EVERY_STRATEGY, ids=lambda s: type(s).__name__)


@each_strategy
def test_shares_add_up_to_the_training(strategy):
    assert sum(phase.share for phase in strategy.phases) == pytest.approx(1, abs=1e-9)


@each_strategy
def test_every_stage_trains_in_some_phase(strategy):
    assert {stage for phase in strategy.phases for stage in phase.trained} == set(STAGES)


@each_strategy
def test_a_phase_runs_from_0_to_1(strategy):
    end = 0.0
    for phase in strategy.phases:
        start, end = end, end + phase.share
        middle = strategy.at(start + 0.5 * phase.share)
        assert middle.phase == phase
        assert middle.progress == pytest.approx(0.5)
        last = strategy.at(end)
        assert last.phase == phase
        assert last.progress == pytest.approx(1)
        assert last.progress <= 1


@pytest.mark.parametrize("num_steps", [10, 30, 64, 1000])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_steps_are_dealt_out_by_the_shares(num_steps, share):
    """A share that is a whole number of steps ends with the step that completes it."""
    strategy = Staged(preliminary_share=share)
    phases = [strategy.at((step + 1) / num_steps).phase for step in range(num_steps)]
    first = [phase == strategy.phases[0] for phase in phases]
    assert first == sorted(first, reverse=True)
    assert sum(first) == int(share * num_steps + 1e-6)


def test_the_first_step_of_a_phase_is_just_beyond_the_share():
    strategy = Staged(preliminary_share=0.25)
    phase, progress = strategy.at(0.25)
    assert (phase.trained, progress) == (("preliminary",), 1.0)
    phase, progress = strategy.at(0.25 + 1e-3)
    assert phase.trained == ("refinement",)
    assert progress == pytest.approx(1e-3 / 0.75)


def test_the_start_and_beyond_the_end():
    strategy = StagedThenFineTuned()
    assert strategy.at(0.0) == (strategy.phases[0], 0.0)
    assert strategy.at(1.0 + 1e-6) == (strategy.phases[-1], 1.0)


def test_joint_trains_both_on_the_final_loss_alone():
    assert Joint().phases == (Phase(final_weight=1.0, preliminary_weights=(0.0, 0.0)),)


def test_the_preliminary_weight_is_a_ramp():
    phase, _ = DeepSupervision(first_weight=1.0, last_weight=0.2).at(0.5)
    weights = [phase.preliminary_weight(progress) for progress in (0.0, 0.25, 0.5, 1.0)]
    assert weights == pytest.approx([1.0, 0.8, 0.6, 0.2])
    assert phase.final_weight == 1


def test_staged_gives_each_stage_the_loss_of_its_own_image():
    first, second = Staged(preliminary_share=0.4).phases
    assert first == Phase(
        share=0.4, trained=("preliminary",), final_weight=0.0, preliminary_weights=(1.0, 1.0)
    )
    assert second == Phase(share=0.6, trained=("refinement",), final_weight=1.0)


def test_fine_tuning_trains_both_at_its_own_rate():
    *stages, last = StagedThenFineTuned(
        preliminary_share=0.25, refinement_share=0.25, learning_rate=0.1
    ).phases
    assert [phase.trained for phase in stages] == [("preliminary",), ("refinement",)]
    assert [phase.learning_rate for phase in stages] == [1, 1]
    assert (last.share, last.trained, last.learning_rate) == (0.5, STAGES, 0.1)
    assert (last.final_weight, last.preliminary_weights) == (1, (0, 0))


@pytest.mark.parametrize(("shares", "total"), [((0.5, 0.4), "0.9"), ((0.5, 0.6), "1.1")])
def test_shares_that_do_not_add_up_are_refused(shares, total):
    sentence = f"the phases of TwoPhases take {total} of the training: make their shares add up"
    with pytest.raises(InputError, match=f"^{re.escape(sentence)} to 1$"):
        TwoPhases(shares).at(0.2)


@pytest.mark.parametrize(
    ("kind", "values", "sentence"),
    [
        (Phase, {"share": 0.0}, "Phase.share is 0.0: it must be greater than 0"),
        (Phase, {"learning_rate": -1.0}, "Phase.learning_rate is -1.0: it must be greater than 0"),
        (Phase, {"final_weight": -1.0}, "Phase.final_weight is -1.0: it must not be negative"),
        (
            Phase,
            {"final_weight": 0.0, "preliminary_weights": (1.0, 1.0)},
            "Phase.final_weight is 0.0 while stage 2 trains",
        ),
        (Phase, {"trained": ()}, "Phase.trained is []: name one or both of preliminary, refine"),
        (Phase, {"trained": ("final",)}, "Phase.trained is ['final']: name one or both of"),
        (
            Phase,
            {"preliminary_weights": (-0.1, 0.5)},
            "Phase.preliminary_weights is [-0.1, 0.5] and final_weight 1.0: none may be negative",
        ),
        (
            Phase,
            {"preliminary_weights": (float("nan"), 0.5)},
            "Phase.preliminary_weights is [nan, 0.5] and final_weight 1.0: none may be negative",
        ),
        (
            Phase,
            {"trained": ("preliminary",), "final_weight": 0.0},
            "Phase.preliminary_weights is [0.0, 0.0] and final_weight 0.0: none may be negative, "
            "and one must be above 0",
        ),
        (DeepSupervision, {"last_weight": -0.5}, "DeepSupervision.last_weight is -0.5: it must"),
        (Staged, {"preliminary_share": 0.0}, "Staged.preliminary_share is 0.0: it must be greater"),
        (Staged, {"preliminary_share": 1.5}, "Staged.preliminary_share is 1.5: it must lie in 0"),
        (
            Staged,
            {"preliminary_share": 1.0},
            "Staged.preliminary_share is 1.0: leave a share for stage 2, or choose a cascade of "
            "stage 1 and torch.nn.Identity",
        ),
        (
            StagedThenFineTuned,
            {"preliminary_share": 0.5, "refinement_share": 0.5},
            "the first two phases of StagedThenFineTuned take 1 of the training: leave a share "
            "for fine-tuning, or use Staged",
        ),
        (
            StagedThenFineTuned,
            {"refinement_share": 0.0},
            "StagedThenFineTuned.refinement_share is 0.0: it must be greater than 0",
        ),
        (
            StagedThenFineTuned,
            {"learning_rate": 0.0},
            "StagedThenFineTuned.learning_rate is 0.0: it must be greater than 0",
        ),
    ],
)
def test_impossible_values_are_refused(kind, values, sentence):
    with pytest.raises(InputError, match=f"^{re.escape(sentence)}"):
        kind(**values)
