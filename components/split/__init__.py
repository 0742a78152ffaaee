"""Stage split: every patient goes into one fold, and all of a patient's images with them."""
