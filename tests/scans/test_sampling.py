import pytest
from torch.utils.data import DataLoader

from mpi_cascade.checks import InputError
from mpi_cascade.scans.sampling import FixedBatches, FreshBatches, KeyedSamples


def epoch_of(sampler, epoch=0):
    sampler.set_epoch(epoch)
    return list(sampler)


def test_no_index_ever_repeats_in_any_epoch_or_process():
    samplers = [FreshBatches(48, batch_size=4, rank=rank, world_size=4) for rank in range(4)]
    indices = [
        index
        for epoch in range(10)
        for sampler in samplers
        for batch in epoch_of(sampler, epoch)
        for index in batch
    ]
    # Not one repeats, and not one is left out.
    assert sorted(indices) == list(range(480))


@pytest.mark.slow
def test_no_index_repeats_through_the_workers_of_loaders():
    """Ten epochs, four processes, two workers each."""
    loaders = []
    for rank in range(4):
        sampler = FreshBatches(48, batch_size=4, rank=rank, world_size=4)
        samples = KeyedSamples(stream=0)
        loaders.append(DataLoader(samples, sampler=sampler, batch_size=None, num_workers=2))
    indices = []
    for epoch in range(10):
        for loader in loaders:
            loader.sampler.set_epoch(epoch)
            indices += [index for keys in loader for index in keys.indices.tolist()]
    assert sorted(indices) == list(range(480))


@pytest.mark.parametrize("epoch", [0, 3])
def test_global_batches_are_the_same_for_any_number_of_processes(epoch):
    alone = epoch_of(FreshBatches(48, batch_size=8), epoch)
    halves = [epoch_of(FreshBatches(48, batch_size=4, rank=r, world_size=2), epoch) for r in (0, 1)]
    assert alone == [first + second for first, second in zip(*halves, strict=True)]


def test_global_batches_follow_each_other():
    sampler = FreshBatches(12, batch_size=4)
    assert epoch_of(sampler, 1) == [[12, 13, 14, 15], [16, 17, 18, 19], [20, 21, 22, 23]]


def test_an_epoch_has_as_many_batches_as_it_says():
    sampler = FreshBatches(48, batch_size=4, rank=1, world_size=3)
    assert len(sampler) == len(epoch_of(sampler)) == 4
    assert all(len(batch) == 4 for batch in epoch_of(sampler))


@pytest.mark.parametrize("done", [5, 12, 29])
def test_a_resumed_run_goes_on_where_it_stopped(done):
    uninterrupted = FreshBatches(48, batch_size=4)
    resumed = FreshBatches(48, batch_size=4, first_batch=done)
    epoch, within = divmod(done, 12)
    assert epoch_of(resumed, 0) == epoch_of(uninterrupted, epoch)[within:]
    assert epoch_of(resumed, epoch + 1) == epoch_of(uninterrupted, epoch + 1)


@pytest.mark.parametrize(
    ("samples", "batch_size", "world_size"), [(0, 4, 1), (50, 4, 1), (44, 4, 2)]
)
def test_an_epoch_of_part_batches_is_refused(samples, batch_size, world_size):
    with pytest.raises(InputError, match=rf"^samples_per_epoch is {samples}: .* positive multiple"):
        FreshBatches(samples, batch_size=batch_size, world_size=world_size)


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_evaluation_samples_are_shared_evenly_and_once(world_size):
    samples = list(range(100, 128))
    shares = [
        [index for batch in FixedBatches(samples, 5, rank, world_size) for index in batch]
        for rank in range(world_size)
    ]
    assert {len(share) for share in shares} == {28 // world_size}
    assert sorted(index for share in shares for index in share) == samples


def test_evaluation_batches_are_the_same_every_time():
    sampler = FixedBatches(range(13), batch_size=5)
    assert [len(batch) for batch in epoch_of(sampler)] == [5, 5, 3]
    assert len(sampler) == 3
    assert epoch_of(sampler, 0) == epoch_of(sampler, 7)


@pytest.mark.parametrize(("num_samples", "world_size"), [(7, 2), (0, 1), (2, 4)])
def test_an_evaluation_that_cannot_be_shared_evenly_is_refused(num_samples, world_size):
    with pytest.raises(InputError, match=rf"^an evaluation of {num_samples} samples cannot"):
        FixedBatches(range(num_samples), batch_size=2, world_size=world_size)


def test_samples_are_keyed_by_stream_and_index():
    keys = KeyedSamples(5)[[3, 2**40]]
    assert keys.stream == 5
    assert keys.indices.tolist() == [3, 2**40]


@pytest.mark.parametrize("sampler", [FreshBatches(24, 4, 1, 2), FixedBatches(range(11), 4)])
def test_workers_fetch_the_same_keys_in_the_same_order(sampler):
    def fetched(num_workers):
        sampler.set_epoch(3)
        loader = DataLoader(
            KeyedSamples(2), sampler=sampler, batch_size=None, num_workers=num_workers
        )
        return [(keys.stream, keys.indices.tolist()) for keys in loader]

    assert fetched(0) == fetched(2)
    assert fetched(0) == [(2, batch) for batch in epoch_of(sampler, 3)]
