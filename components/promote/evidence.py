"""All that a decision stands on, measured once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.contracts import SPLIT, read_table
from components.evaluate.latency import Latency
from components.index.search import load_index
from components.params import Params
from components.promote.clauses.gallery import GalleryFacts
from components.promote.comparison import Comparison, compare_releases
from components.promote.gallery_facts import gallery_facts
from components.promote.query_time import query_time
from components.promote.rotation import Turn
from components.workspace import Workspace


@dataclass(frozen=True)
class Evidence:
    """Of the challenger's release, and of the champion's where it was compared."""

    comparison: Comparison
    gallery: GalleryFacts
    latency: Latency
    champion_latency: Latency | None
    index_bytes: int
    codes: np.ndarray
    """Of the index, uint8, (n, bits / 8)."""
    test_patients: list[str]
    """Pseudonyms of today's test patients, in order."""
    champion: Path | None
    """Its release folder, where it was compared."""
    not_compared: str = ""
    """Why there is a champion but no comparison with it, which only a forced promotion passes over."""


def gather(workspace: Workspace, params: Params, challenger: Path, champion: Path | None, turn: Turn) -> Evidence:
    """challenger, champion: release folders; champion: None where there is none to compare with.

    Raises MedhashError for the reasons of `compare_releases`.
    """
    comparison = compare_releases(workspace, params, challenger, champion, turn)
    index = load_index(challenger / "index")
    split = read_table(workspace.split, SPLIT)
    in_test = split["fold"].to_numpy() == "test"
    threads = params.train.threads
    return Evidence(
        comparison=comparison,
        gallery=gallery_facts(workspace, challenger),
        latency=query_time(workspace, challenger, threads),
        champion_latency=query_time(workspace, champion, threads) if champion else None,
        index_bytes=sum(path.stat().st_size for path in (challenger / "index").iterdir()),
        codes=index.faiss_index.reconstruct_n(0, index.info.n),
        test_patients=sorted(set(split["patient_id"].to_numpy()[in_test].tolist())),
        champion=champion,
    )
