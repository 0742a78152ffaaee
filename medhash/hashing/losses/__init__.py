"""Losses on relaxed codes, one per file."""
