"""Retrieval measures of binary codes: exact under ties, from counts of (distance, relevance level). numpy only."""
