"""The commands of `medhash` that are no stage: one thin command line per file."""
