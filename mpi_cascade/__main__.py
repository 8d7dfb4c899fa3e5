"""``python -m mpi_cascade``: see ``mpi_cascade.cli``."""

from mpi_cascade.cli import main

if __name__ == "__main__":
    main()
