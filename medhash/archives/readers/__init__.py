"""One module per published layout of an archive; `layouts` finds the one that params.yaml names."""
