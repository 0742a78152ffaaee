"""The encode stage: every image of the data set as a binary code."""
