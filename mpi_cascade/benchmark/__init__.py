"""How fast everything is on this machine, beside what one would do without it."""
