import pytest
import torch
from noisy import noisy_scans

from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.scans.simulated import Sample


@pytest.fixture
def images():
    """Two discs and noise around them: (estimate, truth), both (3, 1, 40, 36), with empty rows."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(36.0), indexing="ij")
    truth = torch.zeros(3, 1, 40, 36)
    for image, (radius, amplitude) in enumerate([(4, 1.0), (9, 0.6), (6, 0.2)]):
        truth[image, 0][(y - 14).hypot(x - 15) < radius] = amplitude
        truth[image, 0][(y - 30).hypot(x - 25) < radius / 2] = 0.5 * amplitude
    return truth + 0.1 * torch.randn(truth.shape, generator=generator), truth


@pytest.fixture
def model(small_scanner) -> ForwardModel:
    return ForwardModel(small_scanner, (32, 32))


@pytest.fixture
def sample(small_scanner) -> Sample:
    return noisy_scans(small_scanner, (32, 32), 4)
