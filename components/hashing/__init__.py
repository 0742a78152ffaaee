"""The hashing library: networks, losses, shallow methods and the catalogue; free of stages and services."""
