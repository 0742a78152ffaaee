"""Stage similarity: how many labels any two label sets share."""
