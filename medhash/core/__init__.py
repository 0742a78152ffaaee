"""What everything else stands on: errors, files, tables and documents, settings, paths."""
