"""Lineage: from a code or an answer back to where it comes from, and from an image to the releases that hold it."""
