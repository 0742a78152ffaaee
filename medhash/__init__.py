"""medhash: deep hashing for medical image retrieval. Images become short binary codes, near where findings are alike.

Search a gallery with a release, the folder that `medhash promote` makes of a model, its codes and their index:

    import medhash

    release = medhash.open_release("release")  # or "models:/NAME@champion" of the MLflow in use
    answer = release.search("film.png", k=5)
    for neighbour in answer.neighbours:
        print(neighbour.rank, neighbour.id, neighbour.distance_bits, neighbour.labels)
    codes = release.encode(["film.png"])  # uint8, (1, bits / 8)

`search` takes PNG, JPEG or DICOM files, as paths or bytes; several are the images of one case. Its keywords prefer,
weights, require, min_confidence, below and exclude_patient say what similar means. What cannot be done raises
MedhashError, whose text says what happened and what to do. The losses are functions of PyTorch tensors, a module each
in medhash.hashing.losses.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medhash.core.errors import MedhashError as MedhashError
    from medhash.releases.searcher.answer import Answer as Answer
    from medhash.releases.searcher.answer import Match as Match
    from medhash.releases.searcher.answer import Neighbour as Neighbour
    from medhash.releases.searcher.loaded import LoadedRelease as LoadedRelease
    from medhash.releases.searcher.searcher import open_release as open_release

__version__ = "0.1.0"

_PUBLIC = {
    "open_release": "medhash.releases.searcher.searcher",
    "LoadedRelease": "medhash.releases.searcher.loaded",
    "Answer": "medhash.releases.searcher.answer",
    "Neighbour": "medhash.releases.searcher.answer",
    "Match": "medhash.releases.searcher.answer",
    "MedhashError": "medhash.core.errors",
}
"""Name → the module that defines it, imported on first use: `import medhash` loads no torch."""


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'medhash' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
