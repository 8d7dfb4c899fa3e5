"""Callbacks that take a whole training to see stand in ``test_run.py``; this is the rest."""

import pytest
from lightning.pytorch import LightningModule, Trainer
from torch import nn

from mpi_cascade.training.callbacks import CompileRefinement


class Recorded(nn.Module):
    """A stage 2 that remembers how it was to be compiled."""

    def compile(self, **options):
        self.options = options


@pytest.mark.parametrize("options", [{}, {"mode": "reduce-overhead"}], ids=["default", "graphs"])
def test_stage_2_is_compiled_in_the_mode_that_is_asked_for(options):
    module = LightningModule()
    module.cascade = nn.Module()
    module.cascade.refinement = Recorded()
    trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    CompileRefinement(**options).setup(trainer, module, "fit")
    assert module.cascade.refinement.options == {"mode": "default", **options}
