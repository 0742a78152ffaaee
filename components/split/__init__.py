"""Split: every patient in one fold."""
