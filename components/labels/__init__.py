"""Labels: the archive's labels become canonical label sets."""
