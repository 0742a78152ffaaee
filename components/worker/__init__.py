"""One item of the graph on another machine: publish what it needs, work it off there, collect the result."""
