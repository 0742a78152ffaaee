"""What each deep method minimises: its losses and their weights."""
