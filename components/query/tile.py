"""A tile of the contact sheet: the images of one case in a square, the one that carried the match framed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.query.stored import Stored

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_SHOWN = 4
"""Images that a tile shows; of more it shows one fewer, and says how many are left."""
_GAP = 0.02
_MATCH = "tab:orange"


@dataclass(frozen=True)
class Tile:
    """What is known of a case."""

    title: str
    caption: str
    colour: str
    """Of the frame around the case."""
    pixels: np.ndarray | Stored | None
    """n images, uint8 (C, S, S); None where they are not on this machine: the tile stays blank."""
    numbers: tuple[int, ...] = ()
    """What is written on each image, if anything."""
    match: int | None = None
    """Place of the image that carried the match, to be framed."""
    match_number: int | None = None
    """Number of the query's image that it matched, written on it."""
    wanted: tuple[int, ...] = ()
    """Places of images that are to be shown before others."""


def draw(axis: "Axes", tile: Tile) -> None:
    """Draw a tile into an axis that is a square."""
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(color=tile.colour, linewidth=2)
    axis.set_title(tile.title, fontsize=10, fontweight="bold")
    axis.set_xlabel(tile.caption, fontsize=8.5, labelpad=3)
    if tile.pixels is None:
        axis.set(facecolor="0.93", aspect="equal", xlim=(0, 1), ylim=(0, 1))
        axis.text(0.5, 0.5, "pixels are not\non this machine", ha="center", va="center", fontsize=9, color="0.35")
    elif len(tile.pixels) == 1:
        _image(axis, tile.pixels[0])
        _number(axis, tile, 0)
    else:
        _images(axis, tile, tile.pixels)


def shown(n_images: int, wanted: Sequence[int]) -> list[int]:
    """Places of the images that a tile shows: those wanted first, then the first ones; in their order."""
    most = MOST_SHOWN if n_images <= MOST_SHOWN else MOST_SHOWN - 1
    return sorted([*dict.fromkeys([*wanted, *range(n_images)])][:most])


def _images(axis: "Axes", tile: Tile, pixels: np.ndarray | Stored) -> None:
    """Two in a row; a single row stands in the middle."""
    axis.set(xlim=(0, 1), ylim=(0, 1))
    places = shown(len(pixels), tile.wanted if tile.match is None else (tile.match,))
    n_left = len(pixels) - len(places)
    n_cells = len(places) + (n_left > 0)
    top = 1.0 if n_cells > 2 else 0.75
    side = 0.5 - 1.5 * _GAP
    for cell in range(n_cells):
        row, column = divmod(cell, 2)
        left, bottom = _GAP + column * (side + _GAP), top - (row + 1) * (side + _GAP)
        inset = axis.inset_axes((left, bottom, side, side))
        inset.set(xticks=[], yticks=[])
        if cell == len(places):
            inset.axis("off")
            inset.text(0.5, 0.5, f"+ {n_left} more", ha="center", va="center", fontsize=9, color="0.35")
            continue
        place = places[cell]
        framed = place == tile.match
        for spine in inset.spines.values():
            spine.set(color=_MATCH if framed else "0.8", linewidth=2.5 if framed else 0.5)
        _image(inset, pixels[place])
        _number(inset, tile, place)


def _image(axis: "Axes", pixels: np.ndarray) -> None:
    """Greys (1, S, S) or red, green, blue (3, S, S)."""
    if len(pixels) == 1:
        axis.imshow(pixels[0], cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
    else:
        axis.imshow(np.moveaxis(pixels, 0, 2), interpolation="bicubic")


def _number(axis: "Axes", tile: Tile, place: int) -> None:
    number = tile.numbers[place] if tile.numbers else tile.match_number if place == tile.match else None
    if number is not None:
        axis.text(
            0.04,
            0.96,
            str(number),
            transform=axis.transAxes,
            ha="left",
            va="top",
            fontsize=8,
            fontweight="bold",
            color="white",
            bbox={"boxstyle": "round,pad=0.2", "linewidth": 0, "facecolor": tile.colour if tile.numbers else _MATCH},
        )
