"""Archive layouts, one module each: a table of entries, and the files that belong to it."""
