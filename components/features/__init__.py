"""Features of every image, for shallow methods and heads."""
