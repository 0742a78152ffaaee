"""Multiple-instance pooling: from the packed instances of bags to one row per bag, one pooling per file."""
