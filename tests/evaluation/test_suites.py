import itertools
import zlib
from dataclasses import replace

import pytest
import torch

from mpi_cascade.checks import InputError
from mpi_cascade.evaluation.suites import EvaluationSet, brief_suite, standard_suite
from mpi_cascade.phantoms import PhantomMixture
from mpi_cascade.phantoms.scenes import Capsules, SingleDiscs, TwoPoints
from mpi_cascade.physics.disturbances import FFPDisplacement
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner
from mpi_cascade.scans.sampling import SampleKeys
from mpi_cascade.scans.scanner_models import ScannerModels
from mpi_cascade.training.datamodule import SimulatedDataModule, Stream

SCANNER = Scanner(num_ffp_x=16, num_ffp_y=16)
SHAPE = (16, 16)
SUITES = {"standard": standard_suite(SCANNER), "brief": brief_suite(SCANNER)}
BRIEF = {part.name: part for part in SUITES["brief"].sets}
each_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
TWINS_OF_PHANTOMS = [name for name, part in BRIEF.items() if part.twin == "phantoms"]


def first_batch(part, **changes):
    """Returns the first few scans of a set, changed or not."""
    return next(replace(part, **changes).batches(ScannerModels(SCANNER), SHAPE))


def relative_noise(part):
    """Returns the noise of a set's scans in units of its standard deviation."""
    noisy, ideal = (first_batch(part, peak_snr_db=level).signal for level in (20.0, 240.0))
    return 10 * (noisy - ideal) / ideal.abs().amax(dim=(1, 2, 3), keepdim=True)


@each_suite
def test_names_are_unique(suite):
    names = [part.name for part in suite.sets]
    assert len(set(names)) == len(names)


@each_suite
def test_no_two_sets_share_random_numbers_unless_they_are_twins(suite):
    """Nor with the scans that classical methods are tuned on, or a training's splits."""
    names = [part.name for part in suite.sets if not part.twin]
    streams = [zlib.crc32(name.encode()) for name in [*names, "tuning"]]
    assert len(set(streams) | set(Stream)) == len(streams) + len(Stream)


@each_suite
def test_every_twin_is_a_set_of_as_many_cases(suite):
    parts = {part.name: part for part in suite.sets}
    for part in suite.sets:
        if part.twin:
            assert not parts[part.twin].twin
            assert parts[part.twin].num_cases == part.num_cases
            assert parts[part.twin].batch_size == part.batch_size


@each_suite
def test_every_set_of_equal_pairs_has_its_control(suite):
    controls = {part.twin: part.scene for part in suite.capsules}
    equal = {p.name: p.scene for p in suite.pairs if p.scene.second_concentration == 1}
    assert controls == {name: Capsules(outlines=scene) for name, scene in equal.items()}


def test_the_standard_suite_has_what_its_name_promises():
    suite = SUITES["standard"]
    gaps_mm = pytest.approx([0.05 * number for number in range(21)])
    assert all(part.scene.gaps_mm == gaps_mm for part in suite.pairs)
    assert all(part.scene.cases_per_gap == 80 for part in suite.pairs)
    along_x = [p for p in suite.pairs if p.name.startswith("pairs along x") and ":" not in p.name]
    assert [part.scene.diameter_mm for part in along_x] == [0.3, 0.4, 0.6]
    assert [part.scene.diameter_mm for part in suite.discs] == [0.3, 0.4, 0.6]
    assert all(part.num_cases == 256 for part in (*suite.phantoms, *suite.discs))


def test_the_brief_suite_is_a_part_of_the_standard_one():
    """Of its kinds of scans, not of its cases."""
    standard = {part.name: part for part in SUITES["standard"].sets}
    assert set(BRIEF) < set(standard)
    assert all(part.num_cases < standard[name].num_cases for name, part in BRIEF.items())


def test_every_batch_of_pairs_or_capsules_has_one_gap():
    suite = SUITES["brief"]
    for part in (*suite.pairs, *suite.capsules):
        scene = part.scene.outlines if isinstance(part.scene, Capsules) else part.scene
        gaps_m = [batch.pairs.gap_m for batch in part.batches(ScannerModels(SCANNER), SHAPE)]
        assert all((gap_m == gap_m[0]).all() and len(gap_m) == 16 for gap_m in gaps_m)
        assert [1e3 * gap_m[0].item() for gap_m in gaps_m] == pytest.approx(scene.gaps_mm, abs=1e-6)


@pytest.mark.parametrize(
    "name", ["phantoms", "pairs any angle, 0.4 mm", "background 2 % and drift"]
)
def test_scans_are_the_same_for_any_batch_size(name):
    few = replace(BRIEF[name], num_cases=7)
    whole, *parts = (
        [torch.cat(columns) for columns in zip(*(
            (batch.indices, batch.signal, batch.concentration)
            for batch in replace(few, batch_size=size).batches(ScannerModels(SCANNER), SHAPE)
        ), strict=True)]
        for size in (7, 3, 1)
    )  # fmt: skip
    assert whole[0].tolist() == list(range(7))
    for part in parts:
        assert torch.equal(part[0], whole[0])
        torch.testing.assert_close(part[1:], whole[1:], rtol=0, atol=1e-6)


def test_a_set_is_the_same_again():
    assert torch.equal(first_batch(BRIEF["phantoms"]).signal, first_batch(BRIEF["phantoms"]).signal)


def test_a_capsule_lies_where_its_pair_lies_in_the_same_noise():
    for part in SUITES["brief"].capsules:
        twin = BRIEF[part.twin]
        capsules, pairs = first_batch(part), first_batch(twin)
        for column, expected in zip(capsules.pairs, pairs.pairs, strict=True):
            assert torch.equal(column, expected)
        assert not torch.equal(capsules.signal, pairs.signal)
        torch.testing.assert_close(relative_noise(part), relative_noise(twin), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", TWINS_OF_PHANTOMS)
def test_twins_of_the_phantoms_show_them_in_the_same_noise_but_are_other_scans(name):
    part, phantoms = BRIEF[name], BRIEF["phantoms"]
    scans, expected = first_batch(part, num_cases=6), first_batch(phantoms, num_cases=6)
    assert torch.equal(scans.concentration, expected.concentration)
    assert scans.signal.shape == expected.signal.shape
    peak = expected.signal.abs().amax(dim=(1, 2, 3))
    difference = (scans.signal - expected.signal).abs().amax(dim=(1, 2, 3))
    assert (difference > 0.005 * peak).all()
    few = (replace(kind, num_cases=6) for kind in (part, phantoms))
    torch.testing.assert_close(*map(relative_noise, few), rtol=0, atol=1e-4)


def test_a_set_with_another_noise_has_that_noise():
    ideal = first_batch(BRIEF["phantoms"], peak_snr_db=240.0).signal
    noise = first_batch(BRIEF["SNR 20 dB"]).signal - ideal
    level = noise.std(dim=(1, 2, 3)) / ideal.abs().amax(dim=(1, 2, 3))
    assert level.mean().item() == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("training_seed", [0, 1])
def test_no_scan_is_one_of_a_training(training_seed):
    data = SimulatedDataModule(scanner=SCANNER, image_shape=SHAPE, training_seed=training_seed)
    streams = (Stream.TRAINING, Stream.VALIDATION, Stream.TEST)
    seen = [data.simulate(SampleKeys(stream, torch.arange(64))).concentration for stream in streams]
    tuning = first_batch(EvaluationSet(name="tuning", scene=PhantomMixture(), num_cases=64))
    kinds = [first_batch(BRIEF["phantoms"]).concentration, tuning.concentration, *seen]
    for one, other in itertools.combinations(kinds, 2):
        assert (one[:, None] - other[None]).abs().amax(dim=(2, 3, 4)).min() > 0.01


def test_no_pair_is_one_of_a_test():
    data = SimulatedDataModule(
        scanner=SCANNER, image_shape=SHAPE, two_points=TwoPoints(gaps_mm=(0.0,), cases_per_gap=256)
    )
    seen = [
        data.simulate(SampleKeys(stream, torch.arange(256))).pairs.centre_m
        for stream in (Stream.VALIDATION_PAIRS, Stream.TEST_PAIRS)
    ]
    mine = first_batch(BRIEF["pairs along x, 0.4 mm"]).pairs.centre_m
    assert torch.cdist(mine.double(), torch.cat(seen).double()).min() > 1e-7


def test_a_relaxing_scanner_gets_more_relaxation():
    scanner = replace(SCANNER, particle=Particle(relaxation_time_s=2e-6))
    parts = {part.name: part for part in brief_suite(scanner).phantoms}
    part = parts["relaxation +1 µs"]
    assert part.true_scanner["particle"]["relaxation_time_s"] == pytest.approx(3e-6)
    (batch,) = replace(part, num_cases=2).batches(ScannerModels(scanner), SHAPE)
    assert batch.signal.shape == (2, 2, 16, 16)


def test_true_scanners_are_off_by_what_their_names_say():
    gradient = BRIEF["gradient -5 %"].true_scanner
    assert gradient["gradient_x_t_per_m"] == pytest.approx(0.95 * 5.0)
    assert gradient["gradient_y_t_per_m"] == pytest.approx(0.95 * 2.5)
    diameter = BRIEF["core diameter +5 %"].true_scanner["particle"]["core_diameter_m"]
    assert diameter == pytest.approx(1.05 * 25e-9)
    assert BRIEF["FFP offset σ 0.05 mm"].disturbances == (FFPDisplacement(offset_std_m=5e-5),)


def test_a_field_of_view_that_cannot_hold_the_suite_is_refused():
    small = replace(SCANNER, field_of_view_x_m=3.8e-3)
    for suite in (standard_suite(small), brief_suite(small)):
        with pytest.raises(InputError, match=r"the field of view has 3\.80 mm"):
            suite.check_fits(small.field_of_view_m)
    part = EvaluationSet(name="large", scene=SingleDiscs(diameter_mm=4), num_cases=1)
    with pytest.raises(InputError, match=r"^the discs of the evaluation are 4 mm wide"):
        next(part.batches(ScannerModels(small), SHAPE))
