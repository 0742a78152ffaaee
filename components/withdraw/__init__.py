"""Withdrawal: images that left the archive leave the releases too."""
