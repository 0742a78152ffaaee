"""The stages of the pipeline; the version is `medhash.__version__`."""
