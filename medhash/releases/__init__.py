"""Releases: what is registered, which version is champion, and everything that changes it."""
