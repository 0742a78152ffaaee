"""A release at work: images of a case in, the nearest cases out."""
