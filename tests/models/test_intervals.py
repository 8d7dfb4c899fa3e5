"""The network of the uncertainty."""

import pytest
import tiny_cascades
import torch

from mpi_cascade.checks import InputError


@pytest.fixture(scope="module")
def cascade():
    return tiny_cascades.tiny_cascade(tiny_cascades.WITH_INTERVALS)


def test_ends_lie_on_their_sides_of_the_image(cascade, trained):
    images = cascade(trained.signal)
    with torch.no_grad():
        interval = cascade.cascade.interval(images, trained.signal)
    assert (interval.lower < images.final).all()
    assert (interval.upper > images.final).all()


def test_images_are_those_without_it(cascade):
    plain = tiny_cascades.tiny_cascade(tiny_cascades.SQUARE)
    signal = torch.rand(2, *plain.experiment.forward_model.signal_shape)
    plain.cascade.load_state_dict(
        {k: v for k, v in cascade.cascade.state_dict().items() if not k.startswith("intervals")}
    )
    for found, expected in zip(cascade(signal), plain(signal), strict=True):
        assert torch.equal(found, expected)


def test_a_cascade_without_it_says_how_to_train_one(trained):
    images = trained.cascade(trained.signal[:1])
    with pytest.raises(InputError, match="gives no intervals: train its head"):
        trained.cascade.cascade.interval(images, trained.signal[:1])


def test_distances_are_multiplied(cascade, trained):
    images = cascade(trained.signal[:2])
    with torch.no_grad():
        interval = cascade.cascade.interval(images, trained.signal[:2])
    wider = interval.scaled(images.final, torch.tensor([1.0, 3.0]))
    torch.testing.assert_close(wider.upper[0], interval.upper[0])
    expected = 3 * (interval.upper[1] - images.final[1])
    torch.testing.assert_close(wider.upper[1] - images.final[1], expected)
