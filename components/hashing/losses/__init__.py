"""The terms of the training objectives, one per file, as plain functions of codes and labels."""
