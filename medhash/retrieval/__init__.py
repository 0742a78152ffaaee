"""Code tables, indexes, search, and retrieval measures."""
