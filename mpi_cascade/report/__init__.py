"""Figures and tables from arrays and numbers."""
