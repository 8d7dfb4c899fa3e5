"""Classical reconstructions, called like a network."""
