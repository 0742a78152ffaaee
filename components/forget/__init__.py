"""Forgetting a patient: out of tables, pixels, codes, indexes, releases and caches, for good, and proven."""
