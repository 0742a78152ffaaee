"""Train: one hashing method, recorded in MLflow."""
