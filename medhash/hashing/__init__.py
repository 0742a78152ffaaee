"""The hashing methods, free of the pipeline: networks, losses, shallow methods, and the catalogue of them all."""
