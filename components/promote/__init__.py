"""Promotion: the run's best model, its codes and its index become one registered version, and champion if better."""
