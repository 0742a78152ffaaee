"""Codes, indexes and search, and how well a ranking retrieves."""
