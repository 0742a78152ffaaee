"""The report: one self-contained HTML page about a run, readable offline, on a phone and on paper."""
