"""Quality gates: a Great Expectations suite per stage, run after it."""

STAGES = ("ingest", "split", "labels", "similarity", "features", "train", "encode", "index", "evaluate")
"""Stages with a gate, in the order data flows."""
