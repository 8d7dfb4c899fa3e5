"""Losses from YAML, as a user names them."""

from pathlib import Path

import pytest
import torch
from jsonargparse import ArgumentParser

from mpi_cascade.losses import SSIM, Uniformity, WeightedSum, loss_terms
from mpi_cascade.losses.terms import SampleLoss
from mpi_cascade.scans.sampling import SampleKeys
from mpi_cascade.training.datamodule import SimulatedDataModule, Stream
from mpi_cascade.training.module import CascadeModule

CONFIGS = Path(__file__).parents[2] / "configs"
OVERLAYS = sorted((CONFIGS / "losses").glob("*.yaml"))


def losses_of(overlay: Path) -> dict[str, torch.nn.Module]:
    """Returns the losses of the quickstart with one more config on top of it."""
    parser = ArgumentParser(exit_on_error=False, parser_mode="omegaconf+")
    parser.add_argument("--config", action="config")
    parser.add_class_arguments(
        CascadeModule, "model", skip={"preliminary", "refinement"}, instantiate=False
    )
    parser.add_argument("--trainer", type=dict)
    parser.add_argument("--data", type=dict)
    parser.add_argument("--model.preliminary", type=dict)
    parser.add_argument("--model.refinement", type=dict)
    quickstart = CONFIGS / "quickstart.yaml"
    config = parser.parse_args([f"--config={quickstart}", f"--config={overlay}"])
    model = parser.instantiate_classes(config).model
    return {name: model[name] for name in ("final_loss", "preliminary_loss")}


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
    assert len(OVERLAYS) == 12


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_every_overlay_gives_losses_of_a_scan(overlay, small_scanner):
    data = SimulatedDataModule(scanner=small_scanner, image_shape=(64, 64))
    sample = data.simulate(SampleKeys(Stream.TRAINING, torch.arange(2)))
    estimate = (0.8 * sample.concentration).requires_grad_()
    for loss in losses_of(overlay).values():
        if isinstance(loss, SampleLoss):
            loss.use(data.reconstruction_model())
        sum(loss_terms(loss, estimate, sample).values()).backward()
    assert estimate.grad.isfinite().all()
    assert estimate.grad.abs().max() > 0
