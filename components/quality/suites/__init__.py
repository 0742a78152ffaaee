"""Expectation suites, one module per stage: `inspect(workspace, params)` returns the tables to look at."""
