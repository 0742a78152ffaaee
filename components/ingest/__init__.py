"""Ingest: an archive in its published layout becomes images.parquet and a pixel store, without identities.

`sources/` knows the layouts, `pseudonyms` hides who is who, `decode` turns files into squares of one size, `scan`
reads every file once, `publish` writes the tables. Source file names stay in the private folder of the workspace.
"""
