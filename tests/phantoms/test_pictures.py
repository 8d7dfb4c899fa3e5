"""Phantoms from arrays and image files."""

import json

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from mpi_cascade.checks import InputError
from mpi_cascade.configurations import build_experiment
from mpi_cascade.phantoms import PhantomMixture, PictureFiles, Pictures, Rasters, render
from mpi_cascade.phantoms.dilution import Diluted
from mpi_cascade.randomness import RandomStreams

SIZE_M = (6.4e-3, 9e-3)


def hook(num_y=40, num_x=24):
    """A picture without any symmetry, with an empty border."""
    picture = np.zeros((num_y + 6, num_x + 4))
    picture[3:-3, 2:8] = 1.0
    picture[3 : 3 + num_y // 4, 2:-2] = 0.5
    return picture


FAMILY = Pictures(arrays=[hook(), np.ones((9, 9)), hook(300, 90)])


def uniforms(num, first=0):
    streams = RandomStreams(seed=3, stream=0, indices=torch.arange(first, first + num))
    return streams.uniform("phantom", (FAMILY.num_uniforms,))


def test_a_picture_is_rendered_as_scipy_resamples_it():
    rng = np.random.default_rng(0)
    values = ndimage.gaussian_filter(rng.random((32, 32)), 3)
    angle, side, centre = 0.7, 3e-3, np.array([0.4e-3, -0.3e-3])
    raster = Rasters(
        torch.tensor([0]), torch.from_numpy(values).float()[None],
        torch.from_numpy(centre).float()[None],
        torch.tensor([[np.cos(angle), np.sin(angle)]]).float(),
        torch.tensor([side]), torch.tensor([0.8]),
    )  # fmt: skip
    num = 256
    image = render([raster], 1, (num, num), (6.4e-3, 6.4e-3))[0, 0].numpy()
    places = ((np.arange(num) + 0.5) / num - 0.5) * 6.4e-3
    y, x = np.meshgrid(places, places, indexing="ij")
    along = np.cos(angle) * (x - centre[0]) + np.sin(angle) * (y - centre[1])
    across = np.cos(angle) * (y - centre[1]) - np.sin(angle) * (x - centre[0])
    at = [(part / side + 0.5) * 32 - 0.5 for part in (across, along)]
    expected = 0.8 * ndimage.map_coordinates(values, at, order=1, mode="constant")
    inside = np.maximum(abs(along), abs(across)) < 0.45 * side
    np.testing.assert_allclose(image[inside], expected[inside], atol=5e-3)
    assert (image[np.maximum(abs(along), abs(across)) > 0.52 * side] == 0).all()


def test_pixels_hold_the_mass_of_the_picture_however_coarse_they_are():
    shapes = FAMILY.shapes(uniforms(12), SIZE_M)
    mass = (shapes.values.sum(dim=(1, 2)) * (shapes.side / 128) ** 2 * shapes.amplitude).numpy()
    for shape in ((64, 90), (256, 360)):
        image = render([shapes], 12, shape, SIZE_M)
        found = image.sum(dim=(1, 2, 3)).numpy() * SIZE_M[0] * SIZE_M[1] / np.prod(shape)
        np.testing.assert_allclose(found, mass, rtol=5e-3)


def test_every_picture_lies_inside_the_field_of_view_and_reaches_its_sides():
    num = 400
    image = render([FAMILY.shapes(uniforms(num), SIZE_M)], num, (64, 90), SIZE_M)
    wide = render([FAMILY.shapes(uniforms(num), SIZE_M)], num, (80, 110), (8e-3, 11e-3))
    # On a grid of the same cells that reaches a good millimetre farther, there is nothing more.
    inner, outer = image.sum(dim=(1, 2, 3)), wide.sum(dim=(1, 2, 3))
    torch.testing.assert_close(inner, outer, rtol=0.02, atol=0.1)
    assert (image[:, 0].sum(dim=0) > 0).float().mean() > 0.9
    assert image.amax() <= 1
    assert FAMILY.largest_extent_m < 6.4e-3


def test_a_phantom_depends_on_its_own_numbers_only():
    table = uniforms(20)
    together = render([FAMILY.shapes(table, SIZE_M)], 20, (64, 90), SIZE_M)
    alone = render([FAMILY.shapes(table[13:14], SIZE_M)], 1, (64, 90), SIZE_M)
    torch.testing.assert_close(together[13:14], alone, rtol=1e-5, atol=1e-6)
    assert FAMILY.shapes(table[:0], SIZE_M).sample.shape == (0,)


def test_every_random_number_has_an_effect_and_all_pictures_are_drawn():
    base = torch.full((1, 7), 0.6)
    reference = render([FAMILY.shapes(base, SIZE_M)], 1, (64, 90), SIZE_M)
    for number in range(7):
        other = base.clone()
        other[0, number] = 0.3
        image = render([FAMILY.shapes(other, SIZE_M)], 1, (64, 90), SIZE_M)
        # The second picture is a square, the same when it is mirrored.
        assert (number == 3) == torch.allclose(image, reference), number
    values = FAMILY.shapes(uniforms(60), SIZE_M).values
    assert len(values.flatten(1).sum(dim=1).round(decimals=1).unique()) == 3


def test_pictures_are_cropped_and_keep_their_form():
    one = Pictures(arrays=[hook()], size_mm=(2.0, 2.0), turn_deg=(0.0, 0.0), amplitude=(0.5, 0.5))
    table = torch.full((1, 7), 0.4)  # Not mirrored below 0.5.
    image = render([one.shapes(table, SIZE_M)], 1, (256, 360), SIZE_M)[0, 0].numpy()
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert np.ptp(rows) * 0.025 == pytest.approx(2.0, abs=0.06)
    assert np.ptp(columns) * 0.025 == pytest.approx(1.2, abs=0.06)
    assert image.max() == pytest.approx(0.5)
    # The foot, where y is lowest, points to larger x.
    foot = image[rows[0] + 5]
    assert foot[columns[-1] - 5] == pytest.approx(0.25, abs=0.02)
    assert image[rows[-1] - 5][columns[-1] - 5] == 0


def test_files_of_every_kind_give_the_same_pictures(tmp_path):
    picture = hook()
    np.save(tmp_path / "a.npy", picture)
    Image.fromarray((255 * picture[::-1]).astype(np.uint8)).save(tmp_path / "b.png")
    Image.fromarray((255 * picture[::-1]).astype(np.uint8)).convert("RGB").save(tmp_path / "c.png")
    Image.fromarray((60000 * picture[::-1]).astype(np.uint16)).save(tmp_path / "d.png")
    for name in ("e.nii", "f.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(picture.T[..., None], np.eye(4)), tmp_path / name)
    np.save(tmp_path / "g.npy", np.stack([np.zeros_like(picture), picture, picture]))
    family = PictureFiles(files=(tmp_path,))
    assert len(family.pictures.arrays) == 8
    expected = Pictures(arrays=[picture] * 8)
    table = uniforms(40)
    for found, wanted in zip(
        family.shapes(table, SIZE_M), expected.shapes(table, SIZE_M), strict=True
    ):
        torch.testing.assert_close(found, wanted, rtol=0, atol=0.003)
    assert family.largest_extent_m == expected.largest_extent_m
    chosen = PictureFiles(files=(tmp_path / "b.png", tmp_path / "g.npy"))
    assert len(chosen.pictures.arrays) == 3


def test_a_configuration_names_them_and_they_are_diluted_and_mixed(tmp_path):
    np.save(tmp_path / "vessel.npy", hook())
    atlas = {
        "class_path": "mpi_cascade.phantoms.PictureFiles",
        "init_args": {"files": [str(tmp_path)], "size_mm": [1.0, 3.0]},
    }
    stages = dict.fromkeys(("preliminary", "refinement"), "torch.nn.Identity")
    scanner = {"num_ffp_x": 16, "num_ffp_y": 16}
    text = {"phantoms": {"atlas": atlas}, "scanner": scanner, "image_shape": [16, 16], **stages}
    experiment = build_experiment(json.loads(json.dumps(text)))
    streams = RandomStreams(0, 0, torch.arange(5))
    sample = experiment.scans.scan(experiment.mixture, streams)
    assert sample.concentration.flatten(1).sum(dim=1).min() > 0
    mixture = PhantomMixture({"atlas": experiment.phantoms["atlas"]})
    drawn = [
        render(scene.draw(streams, SIZE_M).shapes, 5, (64, 90), SIZE_M)
        for scene in (mixture, Diluted(scene=mixture, share=0.25))
    ]
    torch.testing.assert_close(0.25 * drawn[0], drawn[1])


@pytest.mark.parametrize(
    ("write", "name", "sentence"),
    [
        (lambda path: None, "a.png", "isn't there: name a file or a folder"),
        (lambda path: path.write_text("no"), "a.png", "can't be read as a picture"),
        (lambda path: path.write_text("no"), "a.npy", "can't be read as a picture"),
        (lambda path: path.write_text("no"), "a.nii", "can't be read as a picture"),
        (lambda path: path.write_text("no"), "a.tif", "is no picture that can be read: give .npy"),
        (lambda path: path.mkdir(), "folder", "holds no picture: put .npy"),
        (lambda path: np.save(path, np.ones(5)), "a.npy", r"has the shape \[5\]: give a picture"),
        (lambda path: np.save(path, np.zeros((5, 5))), "a.npy", "is 0 throughout: leave it out"),
        (lambda path: np.save(path, -np.ones((5, 5))), "a.npy", "values that are negative or not"),
        (lambda path: np.save(path, np.full((5, 5), np.nan)), "a.npy", "negative or not finite"),
        (lambda path: np.save(path, np.ones((5, 5)) * 1j), "a.npy", "holds complex128: a picture"),
    ],
)
def test_files_that_cannot_be_used_are_refused_in_a_sentence(tmp_path, write, name, sentence):
    path = tmp_path / name
    write(path)
    with pytest.raises(InputError, match=sentence) as caught:
        PictureFiles(files=(path,))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ([], r"Pictures.arrays is empty: give one picture"),
        ([np.ones((2, 2, 2))], r"picture 0 has the shape \[2, 2, 2\]: a picture must be \(y, x\)"),
        ([np.ones((2, 2)), np.zeros((2, 2))], "picture 1 is 0 throughout"),
        ([-np.ones((2, 2))], "picture 0 has values that are negative"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(arrays, sentence):
    with pytest.raises(InputError, match=sentence):
        Pictures(arrays=arrays)
