"""What is left on disk or said: directories, whole files, tables, messages, progress, W&B."""
