"""The features stage: GIST-512 of every image in the pixel store, for the shallow methods."""
