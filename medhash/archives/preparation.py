"""How an image file becomes a model's input, for the gallery and for queries alike."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Region = tuple[int, int, int, int]
"""(x, y, w, h) in whole px of the original image, counted from its left top corner."""


class Pointed(NamedTuple):
    """A region as a table gives it, in px of an image of frame_width × frame_height (0 × 0: of the file)."""

    x: int
    y: int
    w: int
    h: int
    frame_width: int = 0
    frame_height: int = 0


Regions = tuple[Pointed, ...]
"""The regions wanted of a file; empty where its table points at nothing."""
_VERSION = "1"
"""Of how colours, parts and stains are made. Raise it with every change there; greys of whole images have decode's."""


@dataclass(frozen=True)
class Preparation:
    """Plain settings, from which instances are made again in the same way.

    size_px: side of an instance's square. max_image_pixels: a file that declares more is refused. channels: 1 for
    greys, 3 for red, green, blue. grid: tiles per side that a file is cut into where no regions are given; 0 takes it
    whole. stain: whether the colours of H&E stains are brought to those of a reference before anything is cut.
    """

    size_px: int
    max_image_pixels: int
    channels: Literal[1, 3] = 1
    grid: int = 0
    stain: Literal["none", "macenko"] = "none"

    def key(self) -> str:
        """What distinguishes the pixels from those of grey whole images of the same size; empty for these.

        Equal keys, sizes and decoders give the same file the same pixels.
        """
        words = [
            *(["rgb"] if self.channels == 3 else []),
            *([f"grid {self.grid}"] if self.grid else []),
            *([self.stain] if self.stain != "none" else []),
        ]
        return " ".join([_VERSION, *words]) if words else ""
