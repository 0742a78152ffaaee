"""A whole retraining on the bundled sample."""
