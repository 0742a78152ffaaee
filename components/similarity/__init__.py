"""Similarity: how many labels two label sets share."""
