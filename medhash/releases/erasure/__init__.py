"""Forgetting patients, and taking withdrawn images out of releases, with proof."""
