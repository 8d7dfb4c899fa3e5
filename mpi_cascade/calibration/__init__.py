"""From a measured line or grid of a small sample to a scanner's configuration."""
