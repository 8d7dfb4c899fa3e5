"""Messages of Lightning that a user can do nothing about."""

import logging
import warnings


def silence_known_warnings() -> None:
    """Hides messages of the libraries that a user can do nothing about."""
    # Of Lightning's own use of a torch API.
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
    # Of a directory that is ours, and of a resume that our data module makes exact.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`, callbacks")
    warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before")
    # Of a new run that starts from another run's checkpoint, and of a size that is only printed.
    warnings.filterwarnings("ignore", message="The dirpath has changed from .*")
    warnings.filterwarnings("ignore", message="Precision .* is not supported by the model summary")
    # Of a short epoch, whose last step is logged all the same.
    warnings.filterwarnings("ignore", message="The number of training batches .* is smaller than")
    # Of loaders that carry nothing but indices, and of a cluster that was not asked for.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*The `srun` command is available.*")
    hidden = ("litlogger", "TPU avail", "to estimate number of stepping batches")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: not any(words in record.getMessage() for words in hidden)
    )
