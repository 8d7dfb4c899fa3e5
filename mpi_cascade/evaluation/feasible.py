"""What of a suite the models of a scanner can make.

Must not know of methods or metrics.
"""

from dataclasses import replace

from mpi_cascade.evaluation.suites import Suite
from mpi_cascade.scans.scanner_models import ScannerModels


def feasible_part(suite: Suite, models: ScannerModels) -> tuple[Suite, list[str]]:
    """Returns the sets that a scanner's models can make, and sentences on what is left out.

    A measured system matrix says nothing of its scanner at another gradient or with another tracer.

    Args:
        suite: The suite.
        models: The models of the scanner.
    """
    if models.system_matrix is None:
        return suite, []
    kept = replace(
        suite,
        phantoms=tuple(part for part in suite.phantoms if not part.true_scanner),
    )
    left_out = [part.name for part in suite.phantoms if part not in kept.phantoms]
    sets = f" and the sets {', '.join(left_out)}" if left_out else ""
    return kept, [
        "a measured system_matrix stands for the scanner: what needs its analytic model is left "
        f"out, which is what noise allows{sets}"
    ]
