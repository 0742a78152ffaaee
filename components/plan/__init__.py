"""Plan: which code and settings every item of the pipeline reads, so that exactly what changed is made again."""
