import itertools
import zlib
from dataclasses import replace

import pytest
import torch
from experiments import small_experiment

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.detection_scans import STEPS
from mpi_cascade.evaluation.final_suite import final_suite
from mpi_cascade.evaluation.least_favourable import LeastFavourableCapsules
from mpi_cascade.evaluation.measures import CAPSULES, DISCS, NULLS, PAIRS, PHANTOMS
from mpi_cascade.evaluation.off_scanners import off_scanner_names, off_scanners
from mpi_cascade.evaluation.sets import EvaluationSet
from mpi_cascade.evaluation.suite_parts import least_favourable_set
from mpi_cascade.evaluation.suites import (
    brief_suite,
    standard_suite,
    training_suite,
    tuning_sets,
    validation_nulls,
)
from mpi_cascade.models.refinement import ResidualCNN
from mpi_cascade.phantoms import Bars
from mpi_cascade.phantoms.nulls import null_forms
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints
from mpi_cascade.physics.disturbances import FeedThrough, FFPDisplacement
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.randomness import Stream
from mpi_cascade.training.datamodule import SimulatedDataModule

SCANNER = Scanner(num_ffp_x=16, num_ffp_y=16)
SUITES = {
    "standard": standard_suite(SCANNER), "brief": brief_suite(SCANNER),
    "final": final_suite(SCANNER),
}  # fmt: skip
BRIEF = {part.name: part for part in SUITES["brief"].sets}
each_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
TWINS_OF_PHANTOMS = [name for name, part in BRIEF.items() if part.twin == "phantoms"]


def first_batch(part, experiment, **changes):
    """Returns the first few scans of a set, changed or not."""
    return next(replace(part, **changes).batches(experiment, batch_size=16))


def relative_noise(part, experiment):
    """Returns the noise of a set's scans in units of its standard deviation."""
    noisy, ideal = (
        first_batch(part, experiment, peak_snr_db=level).signal for level in (20.0, 240.0)
    )
    return 10 * (noisy - ideal) / ideal.abs().amax(dim=(1, 2, 3), keepdim=True)


@each_suite
def test_names_are_unique(suite):
    names = [part.name for part in suite.sets]
    assert len(set(names)) == len(names)


@each_suite
def test_no_two_sets_share_random_numbers_unless_they_are_twins(suite, experiment):
    """Nor with the scans that classical methods are tuned on, or a training's splits."""
    parts = [*(part for part in suite.sets if not part.twin), *tuning_sets(1, 1),
             validation_nulls()]  # fmt: skip
    assert [part.stream_number for part in parts] == [zlib.crc32(p.name.encode()) for p in parts]
    for split in ("val", "test"):
        parts += training_suite(experiment, TwoPoints(), 1, split).sets
    streams = [Stream.TRAINING, *(part.stream_number for part in parts)]
    assert len(set(streams)) == len(streams)


@each_suite
def test_every_twin_is_a_set_of_the_same_cases(suite):
    parts = {part.name: part for part in suite.sets}
    for part in suite.sets:
        if part.twin:
            assert not parts[part.twin].twin
            assert set(part.indices) <= set(parts[part.twin].indices)
            assert part.seed == parts[part.twin].seed
            assert parts[part.twin].stream_number == part.stream_number


@pytest.mark.parametrize("name", ["standard", "brief"])
def test_sets_of_equal_pairs_of_full_concentration_have_capsules_of_their_outline(name):
    capsules = {p.twin: p.scene for p in SUITES[name].of_kind(CAPSULES) if "capsules" in p.name}
    equal = {
        p.name: p.scene
        for p in SUITES[name].of_kind(PAIRS)
        if p.scene.second_concentration == 1 and p.scene.concentration == (1, 1)
        and not p.true_scanner
    }  # fmt: skip
    assert capsules == {name: Capsules(outlines=scene) for name, scene in equal.items()}


@each_suite
def test_some_pairs_have_the_capsules_most_like_them(suite):
    parts = {part.name: part for part in suite.sets}
    controls = [p for p in suite.sets if isinstance(p.scene, LeastFavourableCapsules)]
    assert {part.twin.partition(", ")[0] for part in controls} == {
        "pairs along x", "pairs along y"
    }  # fmt: skip
    for part in controls:
        assert part.kind is CAPSULES and part.scene.scanner == SCANNER
        assert part.scene.outlines == parts[part.twin].scene
        assert part.gaps_mm == parts[part.twin].gaps_mm
        cases = part.scene.outlines.cases_per_gap
        counts = [sum(i // cases == gap for i in part.indices) for gap in range(len(part.gaps_mm))]
        assert len(set(counts)) == 1 and counts[0] >= 12


@each_suite
def test_nulls_have_every_form_on_the_scanner_as_believed_and_on_all_that_are_off(suite):
    nulls = [part for part in suite.of_kind(NULLS) if not part.true_scanner]
    assert [part.scene for part in nulls] == list(null_forms().values())
    names = off_scanner_names(suite)
    assert names == list(off_scanners(SCANNER))
    parts = {part.name: part for part in suite.sets}
    for name, off in off_scanners(SCANNER).items():
        for stem, kind in (("", PHANTOMS), ("pairs, ", PAIRS), ("nulls, ", NULLS)):
            part = parts[f"{stem}{name}"]
            assert part.kind is kind
            assert (part.true_scanner, part.disturbances, part.peak_snr_db) == off
        assert parts[f"pairs, {name}"].gaps_mm == (0.15, 0.3, 0.5)
        assert len(parts[f"nulls, {name}"].indices) >= 40


def test_a_limit_of_detection_has_a_thousand_nulls_and_few_images():
    for suite in SUITES.values():
        plan = suite.detection
        assert 16 * plan.num_nulls >= 1000
        num_images = plan.num_nulls + len(STEPS) * plan.cases_per_mass
        most = 1600 if suite.name == "standard" else 400
        assert num_images <= most


def test_the_final_suite_is_of_its_own_seed_and_small_enough_for_slow_methods():
    suite = SUITES["final"]
    assert {part.seed for part in suite.sets} == {20261128}
    others = [*SUITES["standard"].sets, *SUITES["brief"].sets, *tuning_sets(1, 1),
              validation_nulls()]  # fmt: skip
    assert 20261128 not in {part.seed for part in others}
    num_images = sum(len(part.indices) for part in (*suite.sets, validation_nulls()))
    assert num_images <= 2400
    assert suite.detection.seed == 20261128
    nulls = [part for part in suite.of_kind(NULLS) if not part.true_scanner]
    assert all(len(part.indices) >= 60 for part in nulls)
    assert sum(len(part.indices) for part in nulls) >= 300
    (varied,) = (p for p in suite.sets if p.name == "pairs along x, 0.3–0.6 mm")
    assert (varied.scene.diameter_mm, varied.scene.concentration) == ((0.3, 0.6), (0.1, 1.0))


def test_the_final_suite_has_phantoms_with_a_tenth_of_their_tracer(experiment):
    parts = {part.name: part for part in SUITES["final"].sets}
    phantoms, diluted = (
        first_batch(parts[name], experiment, indices=range(4))
        for name in ("phantoms", "a tenth of the tracer")
    )
    torch.testing.assert_close(diluted.concentration, 0.1 * phantoms.concentration)
    torch.testing.assert_close(diluted.signal, 0.1 * phantoms.signal, rtol=1e-4, atol=1e-5)


def test_tuning_pairs_have_every_gap_and_tuning_nulls_every_form(experiment):
    batch = first_batch(tuning_sets(1, 16).pairs, experiment)
    gaps_mm = 1e3 * batch.pairs.gap_m
    torch.testing.assert_close(gaps_mm, torch.tensor([0.1, 0.15, 0.2, 0.3]).repeat(4))
    assert len(batch.pairs.diameter_m.unique()) == 16
    more = tuning_sets(1, 20).pairs.indices
    assert list(more[:16]) == list(tuning_sets(1, 16).pairs.indices) and len(set(more)) == 20
    nulls = first_batch(tuning_sets(1, 5).nulls, experiment)
    assert nulls.pairs is not None and len(nulls.signal) == 10


def test_thresholds_are_chosen_on_enough_nulls_of_every_form():
    part = validation_nulls()
    assert len(part.indices) >= 300 and len(part.indices) % len(null_forms()) == 0
    assert part.scene.forms == tuple(null_forms().values())


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_training_has_nulls_that_scale_with_its_pairs(experiment, split):
    suite = training_suite(experiment, TwoPoints(diameter_mm=0.8), 64, split)
    (part,) = suite.of_kind(NULLS)
    assert part.name == "nulls" and len(part.indices) == 320
    (few,) = training_suite(experiment, TwoPoints(), 4, split).of_kind(NULLS)
    assert len(few.indices) == 20
    assert [form.width_mm for form in part.scene.forms] == [(0.4, 1.2)] * 5
    # The height of a line's field of view may be smaller than the usual nulls.
    line = small_experiment(
        refinement=ResidualCNN(), image_shape=(1, 16),
        scanner=Scanner(num_ffp_x=16, num_ffp_y=1, field_of_view_y_m=1.6e-3),
        phantoms={"capsules": Bars(num_bars=(1, 1), length_mm=(0.3, 0.8))},
    )  # fmt: skip
    (part,) = training_suite(line, TwoPoints(), 4, split).of_kind(NULLS)
    part.scene.check_fits((1.6e-3, 6.4e-3))


def test_the_standard_suite_has_what_its_name_promises():
    suite = SUITES["standard"]
    gaps_mm = pytest.approx([0.05 * number for number in range(21)])
    pairs, discs = suite.of_kind(PAIRS), suite.of_kind(DISCS)
    assert all(part.scene.cases_per_gap == 80 for part in pairs)
    fixed = [p for p in pairs if p.scene.concentration == (1, 1) and not p.true_scanner]
    assert len(fixed) == 6
    assert all(part.gaps_mm == gaps_mm and len(part.indices) == 1680 for part in fixed)
    along_x = [p for p in fixed if p.name.startswith("pairs along x") and ":" not in p.name]
    assert [part.scene.diameter_mm for part in along_x] == [0.3, 0.4, 0.6]
    assert [part.scene.diameter_mm for part in discs] == [0.3, 0.4, 0.6]
    assert all(part.indices == range(256) for part in suite.of_kind(PHANTOMS, DISCS))


def test_the_brief_suite_is_a_part_of_the_standard_one():
    """Of its kinds of scans, not of its cases."""
    standard = {part.name: part for part in SUITES["standard"].sets}
    assert set(BRIEF) < set(standard)
    assert all(len(part.indices) < len(standard[name].indices) for name, part in BRIEF.items())


def test_sets_of_pairs_and_capsules_have_equally_many_cases_of_each_gap(experiment):
    for name in ("pairs along x, 0.4 mm", "capsules any angle, 0.4 mm"):
        part = BRIEF[name]
        batches = list(part.batches(experiment, batch_size=48))
        gaps_mm = 1e3 * torch.cat([batch.pairs.gap_m for batch in batches])
        expected = torch.tensor(part.gaps_mm).repeat_interleave(16)
        torch.testing.assert_close(gaps_mm, expected, rtol=0, atol=1e-6)
        assert len(part.gaps_mm) == 10


@pytest.mark.parametrize(
    "name", ["phantoms", "pairs any angle, 0.4 mm", "background 2 % and drift"]
)
def test_scans_are_the_same_for_any_batch_size(name, experiment):
    few = replace(BRIEF[name], indices=range(7))
    whole, *parts = (
        [torch.cat(columns) for columns in zip(*(
            (batch.indices, batch.signal, batch.concentration)
            for batch in few.batches(experiment, batch_size=size)
        ), strict=True)]
        for size in (7, 3, 1)
    )  # fmt: skip
    assert whole[0].tolist() == list(range(7))
    for part in parts:
        assert torch.equal(part[0], whole[0])
        torch.testing.assert_close(part[1:], whole[1:], rtol=0, atol=1e-6)


def test_a_set_is_the_same_again(experiment):
    signals = [first_batch(BRIEF["phantoms"], experiment).signal for _ in range(2)]
    assert torch.equal(*signals)


def test_a_set_is_that_of_its_own_conditions_whatever_those_of_the_training(experiment):
    other = small_experiment(
        true_scanner={"gradient_x_t_per_m": 4.0}, peak_snr_db=10.0, oversampling=3,
        disturbances=[FeedThrough()],
    )  # fmt: skip
    for name in ("phantoms", "gradient -5 %"):
        one, same = (first_batch(BRIEF[name], each) for each in (experiment, other))
        torch.testing.assert_close(one.signal, same.signal)


def test_a_capsule_lies_where_its_pair_lies_in_the_same_noise(experiment):
    # Of few gaps, as each is a search.
    few = replace(
        BRIEF["pairs along x, 0.4 mm"], scene=TwoPoints(cases_per_gap=4), indices=range(8)
    )
    parts = ((BRIEF["capsules any angle, 0.4 mm"], BRIEF["pairs any angle, 0.4 mm"]),
             (least_favourable_set(few, SCANNER, 4), few))  # fmt: skip
    for part, twin in parts:
        capsules, pairs = (first_batch(each, experiment) for each in (part, twin))
        for column, expected in zip(capsules.pairs, pairs.pairs, strict=True):
            assert torch.equal(column, expected)
        assert not torch.equal(capsules.signal, pairs.signal)
        noises = (relative_noise(each, experiment) for each in (part, twin))
        torch.testing.assert_close(*noises, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", TWINS_OF_PHANTOMS)
def test_twins_of_the_phantoms_show_them_in_the_same_noise_but_are_other_scans(name, experiment):
    part, phantoms = (replace(BRIEF[key], indices=range(6)) for key in (name, "phantoms"))
    scans, expected = (first_batch(each, experiment) for each in (part, phantoms))
    assert torch.equal(scans.concentration, expected.concentration)
    assert scans.signal.shape == expected.signal.shape
    peak = expected.signal.abs().amax(dim=(1, 2, 3))
    difference = (scans.signal - expected.signal).abs().amax(dim=(1, 2, 3))
    assert (difference > 0.005 * peak).all()
    noises = (relative_noise(each, experiment) for each in (part, phantoms))
    torch.testing.assert_close(*noises, rtol=0, atol=1e-4)


def test_a_set_with_another_noise_has_that_noise(experiment):
    ideal = first_batch(BRIEF["phantoms"], experiment, peak_snr_db=240.0).signal
    noise = first_batch(BRIEF["SNR 20 dB"], experiment).signal - ideal
    level = noise.std(dim=(1, 2, 3)) / ideal.abs().amax(dim=(1, 2, 3))
    assert level.mean().item() == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("training_seed", [0, 1])
def test_no_scan_is_one_of_a_training(training_seed, experiment):
    data = SimulatedDataModule(experiment, training_seed=training_seed)
    splits = [
        training_suite(experiment, TwoPoints(), 64, split).sets[0] for split in ("val", "test")
    ]
    parts = [BRIEF["phantoms"], tuning_sets(64, 1).phantoms, *splits]
    kinds = [next(part.batches(experiment)).concentration for part in parts]
    kinds.append(data.training_samples(64).concentration)
    for one, other in itertools.combinations(kinds, 2):
        assert len(one) == len(other) == 64
        assert (one[:, None] - other[None]).abs().amax(dim=(2, 3, 4)).min() > 0.01


def test_no_pair_is_one_of_a_validation_or_test(experiment):
    same_gap = TwoPoints(gaps_mm=(0.0,), cases_per_gap=256)
    parts = [training_suite(experiment, same_gap, 1, split).sets[1] for split in ("val", "test")]
    seen = [batch.pairs.centre_m for part in parts for batch in part.batches(experiment)]
    assert sum(map(len, seen)) == 64 + 256
    mine = first_batch(BRIEF["pairs along x, 0.4 mm"], experiment).pairs
    assert (mine.gap_m == 0).all()
    assert torch.cdist(mine.centre_m.double(), torch.cat(seen).double()).min() > 1e-7


def test_a_relaxing_scanner_gets_more_relaxation():
    scanner = replace(SCANNER, particle=Particle(relaxation_time_s=2e-6))
    parts = {part.name: part for part in brief_suite(scanner).sets}
    part = parts["relaxation +1 µs"]
    assert part.true_scanner["particle"]["relaxation_time_s"] == pytest.approx(3e-6)
    batch = first_batch(part, small_experiment(scanner=scanner), indices=range(2))
    assert batch.signal.shape == (2, 2, 16, 16)


def test_true_scanners_are_off_by_what_their_names_say():
    gradient = BRIEF["gradient -5 %"].true_scanner
    assert gradient["gradient_x_t_per_m"] == pytest.approx(0.95 * 5.0)
    assert gradient["gradient_y_t_per_m"] == pytest.approx(0.95 * 2.5)
    diameter = BRIEF["core diameter +5 %"].true_scanner["particle"]["core_diameter_m"]
    assert diameter == pytest.approx(1.05 * 25e-9)
    assert BRIEF["FFP offset σ 0.05 mm"].disturbances == (FFPDisplacement(offset_std_m=5e-5),)


def test_a_field_of_view_that_cannot_hold_the_suite_is_refused(experiment):
    small = replace(SCANNER, field_of_view_x_m=3.8e-3)
    for suite in (standard_suite(small), brief_suite(small), final_suite(small)):
        with pytest.raises(InputError, match=r"the field of view has 3\.80 mm"):
            suite.check_fits(small.field_of_view_m)
    tiny = (1.5e-3, 6.4e-3)
    for part in (tuning_sets(1, 1).nulls, validation_nulls()):
        with pytest.raises(InputError, match=r"^the single objects .* the field of view has 1\.50"):
            part.scene.check_fits(tiny)
    scene = SingleDiscs(diameter_mm=7)
    part = EvaluationSet(name="large", kind=DISCS, scene=scene, indices=range(1))
    with pytest.raises(InputError, match=r"^the discs of the evaluation are 7 mm wide"):
        first_batch(part, experiment)
