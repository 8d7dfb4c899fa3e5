"""What is scanned by whom: simulated scans as pure functions of (seed, stream, index)."""
