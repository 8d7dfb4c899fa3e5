"""Trained cascades and classical methods, side by side on one suite."""
