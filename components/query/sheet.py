"""The contact sheet: the query and its neighbours side by side, each with what is known of it."""

import textwrap
from pathlib import Path

from matplotlib.figure import Figure

from components.files import replacing_file
from components.promote.loaded import Found
from components.query.answer import Answer
from components.query.by_attribute import caption, query_caption
from components.query.stored import Stored
from components.query.text import in_bits, tells_match
from components.query.tile import Tile, draw

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
        numbers.index(neighbour.matched.query_image)
        for neighbour in reply.neighbours[:LARGEST_SHEET]
        if neighbour.matched is not None and numbers
    )
    shown = "\n".join(textwrap.wrap(query_caption(reply.memberships), _CAPTION_WIDTH))
    tiles = [Tile("query", shown, "tab:blue", reply.case.pixels, numbers, wanted=matched)]
    for rank, (neighbour, images) in enumerate(zip(reply.neighbours[:LARGEST_SHEET], stored, strict=True), 1):
        tiles.append(_neighbour(reply, neighbour, rank, images))
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    tile_height = _TILE[1] + _LINE * max((len(_by_attribute(neighbour)) for neighbour in reply.neighbours), default=0)
    width, height = columns * _TILE[0], rows * tile_height
    figure = Figure(figsize=(width, height), dpi=120)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        left, bottom = column * _TILE[0] + (_TILE[0] - _IMAGE) / 2, height - row * tile_height - _TITLE - _IMAGE
        draw(figure.add_axes((left / width, bottom / height, _IMAGE / width, _IMAGE / height)), tile)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _neighbour(reply: Answer, neighbour: Found, rank: int, images: Stored | None) -> Tile:
    names = textwrap.fill(
        ", ".join(neighbour.labels) or "no label", _CAPTION_WIDTH, max_lines=_CAPTION_LINES, placeholder=" …"
    )
    matched = neighbour.matched if tells_match(reply, neighbour) else None
    match = (
        images.image_ids.index(matched.image_id)
        if images is not None and matched is not None and matched.image_id in images.image_ids
        else None
    )
    number = matched.query_image if matched is not None and len(reply.case.numbers) > 1 else None
    text = "\n".join([names, neighbour.bag_id, *_by_attribute(neighbour)])
    return Tile(f"{rank} · {in_bits(neighbour.distance)} away", text, "0.6", images, match=match, match_number=number)


def _by_attribute(neighbour: Found) -> list[str]:
    """The lines of a caption that only structured codes have."""
    return textwrap.wrap(caption(neighbour), _CAPTION_WIDTH)
