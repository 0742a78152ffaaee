"""The contact sheet: the query and its neighbours side by side, each with what is known of it."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
from matplotlib.figure import Figure

from components.contracts import IMAGES, read_table
from components.files import replacing_file
from components.query.answer import Answer
from components.workspace import Workspace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 6
LARGEST_SHEET = 8 * _COLUMNS - 1
"""Neighbours that one sheet shows at most; a PNG of thousands of tiles opens nowhere."""
_TILE_INCHES = (2.2, 3.0)
_CAPTION_WIDTH = 24


def write_sheet(path: Path, reply: Answer, tiles: list[np.ndarray | None]) -> None:
    """Write a PNG of the query and its first neighbours.

    tiles: pixels of each neighbour, uint8 (1, S, S), None where they are not on this machine: the tile stays blank.
    """
    shown = reply.neighbours[:LARGEST_SHEET]
    columns = min(_COLUMNS, len(shown) + 1)
    rows = -(-(len(shown) + 1) // columns)
    figure = Figure(figsize=(columns * _TILE_INCHES[0], rows * _TILE_INCHES[1]), layout="constrained", dpi=120)
    axes: list[Axes] = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for axis in axes:
        axis.set_axis_off()
    _draw(axes[0], reply.pixels, "query", "", colour="tab:blue")
    for rank, (axis, neighbour, labels, tile) in enumerate(zip(axes[1:], shown, reply.labels, tiles, strict=False), 1):
        names = textwrap.fill(", ".join(labels) or "no label", _CAPTION_WIDTH)
        _draw(axis, tile, f"{rank} · {neighbour.distance} bits away", f"{names}\n{neighbour.image_id}", colour="0.6")
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
    axis.set_axis_on()
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(color=colour, linewidth=2)
    axis.set_title(title, fontsize=10, fontweight="bold")
    axis.set_xlabel(caption, fontsize=8.5)
    if pixels is None:
        axis.set(facecolor="0.93", aspect="equal", xlim=(0, 1), ylim=(0, 1))
        axis.text(0.5, 0.5, "pixels are not\non this machine", ha="center", va="center", fontsize=9, color="0.35")
    else:
        axis.imshow(pixels[0], cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
