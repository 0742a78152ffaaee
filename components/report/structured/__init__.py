"""The sections on structured data: attributes, sub-codes, preferences, held-out combinations, certainty, shortcuts."""
