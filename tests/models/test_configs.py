"""The networks of the shipped configs."""

from pathlib import Path

import yaml

from mpi_cascade.models.data_consistency import DataConsistentRefinement
from mpi_cascade.models.preliminary import SpectralInverse
from mpi_cascade.models.refinement import ResidualUNet
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.scanner import Scanner

CONFIGS = Path(__file__).parents[2] / "configs"


def options(name: str, stage: str) -> dict:
    experiment = yaml.safe_load((CONFIGS / name).read_text())["experiment"]
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in experiment[stage]["init_args"].items()
    }


def num_weights(*networks) -> int:
    return sum(weight.numel() for network in networks for weight in network.parameters())


def test_the_single_network_has_the_weights_of_the_cascade():
    preliminary = SpectralInverse(**options("comparison.yaml", "preliminary"))
    preliminary.use(ForwardModel(Scanner(), (64, 64)))
    steps = options("comparison.yaml", "refinement")
    arguments = steps["network"]["init_args"]
    network = ResidualUNet(tuple(arguments["num_features"]), num_channels=5)
    assert arguments.keys() == {"num_features", "num_channels"} and arguments["num_channels"] == 5
    refinement = DataConsistentRefinement(network, steps["num_steps"])
    single = ResidualUNet(**options("strategies/single_network.yaml", "refinement"))
    cascade = num_weights(preliminary, refinement)
    assert abs(num_weights(single) / cascade - 1) < 0.01
