"""medhash: deep hashing for medical image retrieval, as a pipeline of staged components."""

__version__ = "0.1.0"
