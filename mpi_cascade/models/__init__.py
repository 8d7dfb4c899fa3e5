"""The networks: plain ``nn.Module``."""
