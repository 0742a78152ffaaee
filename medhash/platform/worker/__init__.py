"""One item of the graph on another machine, through the shared DVC remote."""
