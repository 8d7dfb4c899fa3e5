"""What metrics and losses agree on when they compare images."""

FULL_CONCENTRATION = 1.0
"""The data range of PSNR and SSIM: a fixed concentration, never an image's own maximum."""

SSIM_WINDOW = 11
"""Pixels along an edge of the Gaussian window of structural similarity."""

SSIM_SIGMA = 1.5
"""Standard deviation of that window in pixels."""

FEWEST_INTERIOR_PIXELS = 4
"""With fewer pixels inside its objects an image has no evenness."""
