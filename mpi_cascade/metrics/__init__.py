"""Image quality and resolution: pure functions of images."""
