"""Image quality: pure functions, and their means over a split."""
