"""Evaluate: how well the test cases find similar ones."""
