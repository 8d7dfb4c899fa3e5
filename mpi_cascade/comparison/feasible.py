"""What of a suite the models of a scanner can make.

Must not know of methods or metrics.
"""

from dataclasses import replace

from mpi_cascade.data.evaluation import EvaluationSet, Suite
from mpi_cascade.data.scanner_models import ScannerModels
from mpi_cascade.physics.disturbances import FeedThrough


def feasible_part(suite: Suite, models: ScannerModels) -> tuple[Suite, list[str]]:
    """Returns the sets that a scanner's models can make, and sentences on what is left out.

    A measured system matrix says nothing of its scanner at another gradient or with another tracer,
    and may have other channels than those that feed-through is simulated for.

    Args:
        suite: The suite.
        models: The models of the scanner.
    """
    if models.system_matrix is None:
        return suite, []
    kept = replace(
        suite,
        phantoms=tuple(part for part in suite.phantoms if _is_feasible(part, models)),
    )
    left_out = [part.name for part in suite.phantoms if part not in kept.phantoms]
    sets = f" and the sets {', '.join(left_out)}" if left_out else ""
    return kept, [
        "a measured system_matrix stands for the scanner: what needs its analytic model is left "
        f"out, which is what noise allows{sets}"
    ]


def _is_feasible(part: EvaluationSet, models: ScannerModels) -> bool:
    if part.true_scanner:
        return False
    has_other_channels = models.signal_shape[0] != models.scanner.signal_shape[0]
    return not has_other_channels or not any(
        isinstance(effect, FeedThrough) for effect in part.disturbances
    )
