"""The contact sheet: the query and its neighbours side by side, each with what is known of it."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from medhash.core.contracts import IMAGES, read_table
from medhash.core.files import replacing_file
from medhash.core.workspace import Workspace
from medhash.releases.searcher.answer import Answer, Neighbour
from medhash.releases.searcher.answer_text import caption, format_bits, query_caption, tells_match
from medhash.retrieval.members import read_members

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Stored:
    """The n images of a case, by image_id, read from the store when they are asked for."""

    image_ids: list[str]
    rows: np.ndarray
    """int64, (n,): their rows in the store."""
    store: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> np.ndarray:
        """uint8, (C, S, S)"""
        pixels: np.ndarray = np.asarray(self.store[self.rows[place]])
        return pixels


def stored_bags(workspace: Workspace, bag_ids: Sequence[str]) -> list[Stored | None]:
    """The images of bags, None for a bag of which the workspace's pixel store does not hold them all."""
    if not (workspace.images.exists() and workspace.pixels.exists()):
        return [None] * len(bag_ids)
    images = read_table(workspace.images, IMAGES)
    members = read_members(images.filter(pc.is_in(images["bag_id"], pa.array(bag_ids, pa.string()))))
    place_of = {bag_id: place for place, bag_id in enumerate(members.bag_ids.tolist())}
    store: np.ndarray = np.load(workspace.pixels, mmap_mode="r")
    found: list[Stored | None] = []
    for bag_id in bag_ids:
        bag = members.take(np.array([place_of[bag_id]])) if bag_id in place_of else None
        found.append(
            None if bag is None or bag.rows.max() >= len(store) else Stored(bag.image_ids.tolist(), bag.rows, store)
        )
    return found


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


def draw_tile(axis: "Axes", tile: Tile) -> None:
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


def places_shown(n_images: int, wanted: Sequence[int]) -> list[int]:
    """Places of the images that a tile shows: those wanted first, then the first ones; in their order."""
    most = MOST_SHOWN if n_images <= MOST_SHOWN else MOST_SHOWN - 1
    return sorted([*dict.fromkeys([*wanted, *range(n_images)])][:most])


def _images(axis: "Axes", tile: Tile, pixels: np.ndarray | Stored) -> None:
    """Two in a row; a single row is centred."""
    axis.set(xlim=(0, 1), ylim=(0, 1))
    places = places_shown(len(pixels), tile.wanted if tile.match is None else (tile.match,))
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


_COLUMNS = 6
LARGEST_SHEET = 8 * _COLUMNS - 1
"""Neighbours that one sheet shows at most; a PNG of thousands of tiles opens nowhere."""
_TILE, _IMAGE, _TITLE = (2.2, 3.05), 2.1, 0.28
"""Inches: width and height of a tile, side of the square of images in it, height of the title above it."""
_CAPTION_WIDTH, _CAPTION_LINES = 26, 3
_LINE = 0.16
"""Inches that a tile is higher for each line about attributes."""


def write_sheet(path: Path, reply: Answer, stored: list[Stored | None]) -> None:
    """Write a PNG of the query and its first neighbours.

    stored: the images of each neighbour, None where they are not on this machine: the tile stays blank. The image that
    carried the match is framed; where the query has several images, it has the number of the one that it matched.
    """
    numbers = tuple(reply.case.image_of.tolist()) if len(reply.case.numbers) > 1 else ()
    matched = tuple(
        numbers.index(neighbour.match.query_image)
        for neighbour in reply.neighbours[:LARGEST_SHEET]
        if neighbour.match is not None and numbers
    )
    shown = "\n".join(textwrap.wrap(query_caption(reply.memberships), _CAPTION_WIDTH))
    tiles = [Tile("query", shown, "tab:blue", reply.case.pixels, numbers, wanted=matched)]
    for neighbour, images in zip(reply.neighbours[:LARGEST_SHEET], stored, strict=True):
        tiles.append(_neighbour(reply, neighbour, images))
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    tile_height = _TILE[1] + _LINE * max((len(_by_attribute(neighbour)) for neighbour in reply.neighbours), default=0)
    width, height = columns * _TILE[0], rows * tile_height
    figure = Figure(figsize=(width, height), dpi=120)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        left, bottom = column * _TILE[0] + (_TILE[0] - _IMAGE) / 2, height - row * tile_height - _TITLE - _IMAGE
        draw_tile(figure.add_axes((left / width, bottom / height, _IMAGE / width, _IMAGE / height)), tile)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _neighbour(reply: Answer, neighbour: Neighbour, images: Stored | None) -> Tile:
    names = textwrap.fill(
        ", ".join(neighbour.labels) or "no label", _CAPTION_WIDTH, max_lines=_CAPTION_LINES, placeholder=" …"
    )
    matched = neighbour.match if tells_match(reply, neighbour) else None
    match = (
        images.image_ids.index(matched.image_id)
        if images is not None and matched is not None and matched.image_id in images.image_ids
        else None
    )
    number = matched.query_image if matched is not None and len(reply.case.numbers) > 1 else None
    text = "\n".join([names, neighbour.id, *_by_attribute(neighbour)])
    title = f"{neighbour.rank} · {format_bits(neighbour.distance_bits)} away"
    return Tile(title, text, "0.6", images, match=match, match_number=number)


def _by_attribute(neighbour: Neighbour) -> list[str]:
    """The lines of a caption that only structured codes have."""
    return textwrap.wrap(caption(neighbour), _CAPTION_WIDTH)
