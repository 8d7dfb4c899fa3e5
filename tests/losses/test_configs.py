"""Losses from YAML, as a user names them."""

from pathlib import Path

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser
from torch import nn

from mpi_cascade.losses import SSIM, Uniformity, WeightedSum, loss_terms
from mpi_cascade.losses.terms import SampleLoss

CONFIGS = Path(__file__).parents[2] / "configs"
OVERLAYS = sorted((CONFIGS / "losses").glob("*.yaml"))


def losses_of(overlay: Path) -> dict[str, nn.Module]:
    """Returns the losses that a config with nothing else in it names."""
    losses = yaml.safe_load(overlay.read_text())["model"]
    parser = ArgumentParser(exit_on_error=False)
    for name in losses:
        parser.add_argument(f"--{name}", type=nn.Module)
    built = parser.instantiate_classes(parser.parse_object(losses))
    return {name: built[name] for name in losses}


def test_a_weighted_sum_is_built_from_a_config(tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        """
model:
  final_loss:
    class_path: mpi_cascade.losses.WeightedSum
    init_args:
      terms:
        absolute: torch.nn.L1Loss
        ssim: {class_path: mpi_cascade.losses.SSIM}
        even:
          class_path: mpi_cascade.losses.Uniformity
          init_args: {floor: 0.02}
      weights: {ssim: 0.5}
"""
    )
    loss = losses_of(overlay)["final_loss"]
    assert isinstance(loss, WeightedSum)
    assert [type(term) for term in loss.terms.values()] == [torch.nn.L1Loss, SSIM, Uniformity]
    assert loss.terms["even"].floor == 0.02
    assert loss.weights == {"absolute": 1.0, "ssim": 0.5, "even": 1.0}


def test_every_loss_has_an_overlay():
    assert len(OVERLAYS) == 13


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_every_overlay_gives_losses_of_a_scan(overlay, model, sample):
    estimate = (0.8 * sample.concentration).requires_grad_()
    losses = losses_of(overlay)
    assert set(losses) == {"final_loss", "preliminary_loss"}
    for loss in losses.values():
        if isinstance(loss, SampleLoss):
            loss.use(model)
        sum(loss_terms(loss, estimate, sample).values()).backward()
    assert estimate.grad.isfinite().all()
    assert estimate.grad.abs().max() > 0
