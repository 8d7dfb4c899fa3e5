import numpy as np
import pytest
import torch
from scipy import stats

from mpi_cascade.checks import InputError
from mpi_cascade.randomness import RandomStreams, philox4x32


def streams(indices, seed=0, stream=0):
    return RandomStreams(seed=seed, stream=stream, indices=torch.as_tensor(indices))


# The known answers that Random123 ships for Philox4x32-10 (kat_vectors).
@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0x00000000,) * 4, (0x00000000,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_known_answers_of_random123(counter, key, answer):
    words = philox4x32(tuple(torch.tensor(word) for word in counter), key)
    assert tuple(int(word) for word in words) == answer


def test_philox_broadcasts_its_counters():
    zero, rows = torch.zeros((), dtype=torch.int64), torch.arange(3)[:, None]
    table = philox4x32((rows, zero, torch.arange(5), zero), key=(1, 2))
    alone = philox4x32((rows[2, 0], zero, torch.tensor(4), zero), key=(1, 2))
    assert [int(words[2, 4]) for words in table] == [int(word) for word in alone]


def test_uniform_numbers_are_uniform():
    uniform = streams(range(1000)).uniform("angle", (100,)).double().flatten()
    assert uniform.min() > 0 and uniform.max() < 1
    assert stats.kstest(uniform, "uniform").pvalue > 0.01


def test_the_largest_word_stays_below_one():
    # Found by search: the second word of this sample begins with 24 ones.
    assert (streams([326258]).uniform("u", (4,)) < 1).all()


def test_normal_numbers_are_normal():
    normal = streams(range(1000)).normal("noise", (101,)).double().flatten()
    assert stats.kstest(normal, "norm").pvalue > 0.01


@pytest.mark.parametrize("axis", [0, 1])
def test_neighbouring_numbers_are_uncorrelated(axis):
    normal = np.moveaxis(streams(range(400)).normal("noise", (400,)).double().numpy(), axis, 0)
    correlation = np.corrcoef(normal[:-1].ravel(), normal[1:].ravel())[0, 1]
    # Four standard deviations of the correlation of 159,600 independent pairs.
    assert abs(correlation) < 4 / 400


@pytest.mark.parametrize("draw", ["uniform", "normal"])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3, 5)])
def test_a_draw_does_not_depend_on_its_batch(draw, shape):
    batch = getattr(streams([4, 9, 2, 7]), draw)("noise", shape)
    alone = getattr(streams([7]), draw)("noise", shape)
    assert batch.shape == (4, *shape)
    assert batch.dtype == torch.float32
    torch.testing.assert_close(batch[3:], alone, rtol=1e-6, atol=1e-6)


def test_a_longer_uniform_draw_begins_with_the_shorter():
    short, long = (streams([3]).uniform("phantom", (size,)) for size in (5, 50))
    assert torch.equal(long[:, :5], short)


@pytest.mark.parametrize("other", [{"seed": 6}, {"stream": 2}, {"indices": [4]}])
def test_another_seed_stream_or_index_gives_other_numbers(other):
    key = {"seed": 5, "stream": 1, "indices": [3]}
    first = streams(**key).uniform("angle", (100,))
    second = streams(**(key | other)).uniform("angle", (100,))
    assert (first != second).all()


def test_another_purpose_gives_other_numbers():
    sample = streams([3])
    assert (sample.uniform("angle", (100,)) != sample.uniform("gap", (100,))).all()


def test_seed_and_stream_are_not_interchangeable():
    first = streams([0], seed=1, stream=2).uniform("angle", (100,))
    assert (first != streams([0], seed=2, stream=1).uniform("angle", (100,))).all()


def test_indices_beyond_32_bits_give_numbers_of_their_own():
    indices = torch.tensor([5, 5 + 2**32, 5 + 2**33, 5 + 2**62])
    uniform = streams(indices).uniform("angle", (100,))
    assert len(torch.unique(uniform[:, 0])) == 4
    assert stats.kstest(uniform.double().flatten(), "uniform").pvalue > 0.01


@pytest.mark.parametrize("draw", ["uniform", "normal"])
def test_no_samples_give_no_numbers(draw):
    nothing = streams(torch.arange(0))
    assert len(nothing) == 0
    assert getattr(nothing, draw)("noise", (3, 2)).shape == (0, 3, 2)


@pytest.mark.parametrize("value", [0, 2**32 - 1])
def test_seeds_and_streams_of_32_bits_are_allowed(value):
    assert len(streams([0], seed=value, stream=value)) == 1


@pytest.mark.parametrize("name", ["seed", "stream"])
@pytest.mark.parametrize("value", [-1, 2**32])
def test_seeds_and_streams_beyond_32_bits_are_refused(name, value):
    with pytest.raises(InputError, match=f"^{name} is {value}: "):
        streams([0], **{name: value})
