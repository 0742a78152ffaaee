"""The contact sheet: the query and its neighbours side by side, each with what is known of it."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
from matplotlib.figure import Figure

from components.contracts import IMAGES, read_table
from components.files import replacing_file
from components.query.answer import Answer, in_bits
from components.workspace import Workspace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 6
LARGEST_SHEET = 8 * _COLUMNS - 1
"""Neighbours that one sheet shows at most; a PNG of thousands of tiles opens nowhere."""
_TILE, _IMAGE, _TITLE = (2.2, 3.05), 2.1, 0.28
"""Inches: width and height of a tile, side of the image in it, height of the title above the image."""
_CAPTION_WIDTH, _CAPTION_LINES = 26, 3


def write_sheet(path: Path, reply: Answer, tiles: list[np.ndarray | None]) -> None:
    """Write a PNG of the query and its first neighbours.

    tiles: pixels of each neighbour, uint8 (1, S, S), None where they are not on this machine: the tile stays blank.
    """
    shown = reply.neighbours[:LARGEST_SHEET]
    columns = min(_COLUMNS, len(shown) + 1)
    rows = -(-(len(shown) + 1) // columns)
    width, height = columns * _TILE[0], rows * _TILE[1]
    figure = Figure(figsize=(width, height), dpi=120)

    def draw(place: int, pixels: np.ndarray | None, title: str, caption: str, colour: str) -> None:
        row, column = divmod(place, columns)
        left, bottom = column * _TILE[0] + (_TILE[0] - _IMAGE) / 2, height - row * _TILE[1] - _TITLE - _IMAGE
        axis = figure.add_axes((left / width, bottom / height, _IMAGE / width, _IMAGE / height))
        _draw(axis, pixels, title, caption, colour)

    draw(0, reply.pixels, "query", "", "tab:blue")
    for rank, (neighbour, labels, tile) in enumerate(zip(shown, reply.labels, tiles, strict=False), 1):
        names = textwrap.fill(", ".join(labels) or "no label", _CAPTION_WIDTH, max_lines=_CAPTION_LINES,
                              placeholder=" …")
        draw(rank, tile, f"{rank} · {in_bits(neighbour.distance)} away", f"{names}\n{neighbour.image_id}", "0.6")
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format="png")


def stored_pixels(workspace: Workspace, image_ids: list[str]) -> list[np.ndarray | None]:
    """Pixels of images in the workspace's pixel store, None where it does not hold them."""
    if not (workspace.images.exists() and workspace.pixels.exists()):
        return [None] * len(image_ids)
    images = read_table(workspace.images, IMAGES)
    wanted = images.filter(pc.is_in(images["image_id"], pc.cast(image_ids, "string")))
    rows = dict(zip(wanted["image_id"].to_pylist(), wanted["pixel_row"].to_pylist(), strict=True))
    store: np.ndarray = np.load(workspace.pixels, mmap_mode="r")
    found = (rows.get(image_id) for image_id in image_ids)
    return [None if row is None or row >= len(store) else np.asarray(store[row]) for row in found]


def _draw(axis: "Axes", pixels: np.ndarray | None, title: str, caption: str, colour: str) -> None:
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(color=colour, linewidth=2)
    axis.set_title(title, fontsize=10, fontweight="bold")
    axis.set_xlabel(caption, fontsize=8.5, labelpad=3)
    if pixels is None:
        axis.set(facecolor="0.93", aspect="equal", xlim=(0, 1), ylim=(0, 1))
        axis.text(0.5, 0.5, "pixels are not\non this machine", ha="center", va="center", fontsize=9, color="0.35")
    else:
        axis.imshow(pixels[0], cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
