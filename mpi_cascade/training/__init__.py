"""Trainings: the only part that knows Lightning."""
