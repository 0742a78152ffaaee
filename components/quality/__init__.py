"""Data-quality gates: after every stage, expectations about its tables, run by Great Expectations."""
