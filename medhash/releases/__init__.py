"""Releases: what is registered, which one is champion, and every act on it."""
