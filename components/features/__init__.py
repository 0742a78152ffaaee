"""Features: GIST of every image, for the shallow methods."""
