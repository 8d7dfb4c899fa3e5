"""Many trainings of one W&B sweep file, searched by Optuna, without a server."""
