"""From codes and labels to the figures of a method."""
