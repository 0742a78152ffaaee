"""The stages of the pipeline: a folder per stage of dvc.yaml, with its command line, its function and its gate."""
