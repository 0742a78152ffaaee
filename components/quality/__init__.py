"""Quality gates: a Great Expectations suite per stage, run after it."""
