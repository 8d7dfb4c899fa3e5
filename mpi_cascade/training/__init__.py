"""The only part that knows Lightning and wandb, with the command line."""
