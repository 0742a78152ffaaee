"""Training objectives: the losses of one paper, weighted and summed, one file per paper."""
