"""Many trainings of one sweep file, searched by wandb's own engine, without a server."""
