"""Ingest: an archive becomes images.parquet and a pixel store, without identities."""
