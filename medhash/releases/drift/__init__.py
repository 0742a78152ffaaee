"""Drift: new images against those that the champion was trained on."""
