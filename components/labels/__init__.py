"""Stage labels: the archive's labels become canonical label sets over a fixed vocabulary."""
