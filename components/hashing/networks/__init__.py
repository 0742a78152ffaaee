"""Networks that turn pixels into relaxed codes, one file per family."""
