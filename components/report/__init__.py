"""Report: one HTML page about the run."""
