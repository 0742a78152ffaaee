"""The audit log, and where a release or an answer comes from."""
