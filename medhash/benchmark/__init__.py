"""The papers' tables on any data set the pipeline can hold."""
