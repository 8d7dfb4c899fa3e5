"""Phantoms, suites and simulated scans: torch, no Lightning."""
