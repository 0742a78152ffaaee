"""The figures of the report, one per file; each returns a data: URI that the page embeds."""
