"""What scans tell of images, in a line or two of Python."""

import torch

import mpi_cascade


def test_parts_add_up_and_are_those_of_the_table(trained):
    evidence = mpi_cascade.Evidence(trained.cascade.experiment.forward_model)
    signal = trained.signal[:3]
    final = trained.cascade(signal).final
    parts = evidence.parts(signal, final)
    torch.testing.assert_close(parts.measured + parts.prior, final)
    assert (parts.share >= 0).all() and (parts.share <= 1).all()
    louder = signal + 0.3 * signal.abs().amax((1, 2, 3), keepdim=True) * torch.randn(
        signal.shape, generator=torch.Generator().manual_seed(0)
    )
    assert (evidence.parts(louder, final).share < parts.share).all()


def test_an_empty_image_has_no_pairs(trained):
    evidence = mpi_cascade.Evidence(trained.cascade.experiment.forward_model)
    assert evidence.pairs(trained.signal[:2], torch.zeros(2, 1, 16, 16)) == [[], []]
