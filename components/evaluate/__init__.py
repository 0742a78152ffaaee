"""Stage evaluate: how well test patients' images retrieve the gallery, with chance and intervals beside it."""
