"""The cascade and the receive chain of commands that read measured scans."""

from pathlib import Path

from mpi_cascade.checks import InputError
from mpi_cascade.commands.devices import chosen_device
from mpi_cascade.configurations import read_receive_chain
from mpi_cascade.physics.receive_chain import ReceiveChain
from mpi_cascade.trained import TrainedCascade, load, takes_scanner


def load_for_scans(
    checkpoint: Path, scanner: Path | None, device: str
) -> tuple[TrainedCascade, ReceiveChain | None]:
    """Returns a cascade, and the receive chain that its scans are read with, if there is one.

    Weights for many scanners take the scanner from its file, others its receive chain alone.

    Args:
        checkpoint: The checkpoint.
        scanner: Configuration of the scanner, if one was named.
        device: What ``--device`` names.

    Raises:
        InputError: If a file can't be used.
    """
    chain = None
    if scanner and not takes_scanner(checkpoint):
        # Before the networks are built: what is wrong with the file shows at once.
        try:
            chain, scanner = read_receive_chain(scanner), None
        except InputError as error:
            raise InputError(
                f"{error}, or leave --scanner out: {checkpoint} is for one scanner, that of its "
                "training"
            ) from error
    cascade = load(checkpoint, chosen_device(device), scanner)
    return cascade, chain or cascade.experiment.receive_chain
