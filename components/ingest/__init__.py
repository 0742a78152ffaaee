"""Ingest: an archive in its published layout becomes images.parquet and a pixel store, without identities.

`sources/` knows the layouts, `pseudonyms` hides who is who, `scan` reads every file once, `decode` turns it into
squares of one size by a `preparation` (greys or colours, whole or in `parts`, `stain` normalised or not), `bags` judges
which images are a case, `publish` writes the tables. Source file names stay in the private folder of the workspace.
"""
