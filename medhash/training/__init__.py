"""Training of one hashing method: pixels or features and label sets of bags in, a model folder out."""
