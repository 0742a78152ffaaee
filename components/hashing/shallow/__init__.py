"""Hashing methods that learn a projection of given features, one per file."""
