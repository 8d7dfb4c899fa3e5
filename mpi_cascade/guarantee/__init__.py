"""Intervals that hold as often as they say: risk control, and where it is void."""
