"""Encode: every case becomes a binary code."""
