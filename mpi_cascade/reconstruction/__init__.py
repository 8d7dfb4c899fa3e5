"""Images from files of scans, and how far the scans can be trusted."""
