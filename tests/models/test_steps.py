"""What holds for every refinement in steps."""

import pytest
from steps import MODEL, images, stage_of

from mpi_cascade.checks import InputError
from mpi_cascade.models.conditioned import ConditionedRefinement
from mpi_cascade.models.data_consistency import DataConsistentRefinement
from mpi_cascade.models.proximal import ProximalRefinement
from mpi_cascade.models.refinement import ResidualUNet

KINDS = (ConditionedRefinement, DataConsistentRefinement, ProximalRefinement)
each_kind = pytest.mark.parametrize("kind", KINDS)


def network_of(kind):
    num_channels = 1 if kind is ProximalRefinement else 5
    num_told = 5 if kind is ConditionedRefinement else 0
    return ResidualUNet((8,), num_channels=num_channels, num_told=num_told)


def num_weights(module):
    return sum(weight.numel() for weight in module.parameters())


@each_kind
@pytest.mark.parametrize("shares_weights", [True, False])
def test_networks_share_weights_or_have_their_own(kind, shares_weights):
    network, is_proximal = network_of(kind), kind is ProximalRefinement
    stage = stage_of(kind, network, num_steps=3, shares_weights=shares_weights)
    copies = 1 if shares_weights else 3
    # Every exact step has its regularisation.
    assert num_weights(stage) == copies * num_weights(network) + 3 * is_proximal
    stage(images(0), MODEL(images(1))).square().mean().backward()
    assert all(weight.grad.isfinite().all() for weight in stage.parameters())
    assert not is_proximal or (stage.log_regularisations.grad != 0).all()


@each_kind
def test_the_scanner_is_in_no_weight(kind):
    stage = stage_of(kind, network_of(kind))
    assert stage.state_dict().keys() == dict(stage.named_parameters()).keys()
    parts = {name.partition(".")[0] for name in stage.state_dict()}
    assert parts - {"log_regularisations"} == {"networks"}


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        *((kind, {"num_steps": 0}, "num_steps is 0") for kind in KINDS),
        (ConditionedRefinement, {"num_filters": 0}, "num_filters is 0"),
        (ConditionedRefinement, {"noise_factors": (10.0, 1.0)}, "noise_factors is"),
        (DataConsistentRefinement, {"num_filters": -1}, "num_filters is -1"),
        (DataConsistentRefinement, {"num_memory": -1}, "num_memory is -1"),
        (DataConsistentRefinement, {"num_looks": 0}, "num_looks is 0"),
        (DataConsistentRefinement, {"relative_regularisation": (1e-2, 1e-6)}, "regularisation is"),
        (ProximalRefinement, {"relative_regularisation": 0.0}, "relative_regularisation is 0"),
    ],
)
def test_what_is_out_of_range_is_refused(kind, options, message):
    with pytest.raises(InputError, match=message):
        kind(network_of(kind), **options)
