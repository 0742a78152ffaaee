"""The features stage: GIST of every image in the pixel store, for the shallow methods."""
