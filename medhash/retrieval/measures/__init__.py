"""Ranking measures, exact over ties, and intervals over patients."""
