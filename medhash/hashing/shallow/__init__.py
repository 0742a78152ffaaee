"""Shallow methods on features, one per file."""
