"""Stage evaluate: how well test patients' cases retrieve the gallery, with chance and intervals beside it."""
