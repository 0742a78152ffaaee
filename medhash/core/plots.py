"""How every figure looks, and how it becomes a data: URI."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

INK = "#1f2933"
MUTED = "#697586"
GRID = "#dfe4ea"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#3d3d3d")
"""Okabe and Ito's colours, which people with any colour vision tell apart, without the yellow that fades on white."""
DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
"""With seven colours these tell 35 methods apart, also in a black-and-white print."""

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "medhash",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
}


class Canvas:
    """A figure being drawn; `uri` holds it as an SVG data: URI once drawing is over."""

    def __init__(self, width_in: float, height_in: float) -> None:
        self.figure = Figure(figsize=(width_in, height_in), layout="constrained")
        self.uri = ""


@contextmanager
def canvas(width_in: float, height_in: float) -> Iterator[Canvas]:
    """Yield a Canvas in the report's style; equal drawings give equal bytes."""
    with matplotlib.rc_context(_RC):
        drawn = Canvas(width_in, height_in)
        yield drawn
        buffer = io.BytesIO()
        drawn.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        drawn.uri = "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()


def save_svg(uri: str, path: Path) -> None:
    """Write a drawing's data: URI as the SVG file that it holds."""
    path.write_bytes(base64.b64decode(uri.partition(",")[2]))


def method_line(position: int) -> dict[str, Any]:
    """Colour and dash of the method at this position of the run's list: the same in every figure."""
    return {"color": PALETTE[position % len(PALETTE)], "linestyle": DASHES[position // len(PALETTE) % len(DASHES)]}
