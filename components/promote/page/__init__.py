"""The page of a promotion decision."""
