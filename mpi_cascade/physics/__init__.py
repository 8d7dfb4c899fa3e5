"""The signal equation: scanner, point spread function, S c = u, disturbances."""
