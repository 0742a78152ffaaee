"""Drift: how far the images that are new since the champion lie from those it was trained on."""
