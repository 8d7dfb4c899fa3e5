"""Image quality, resolution and what noise allows: pure functions, and statistics over a split."""
