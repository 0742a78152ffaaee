"""Command query: cases similar to an image, answered by the champion."""
