"""t-SNE of binary codes under Hamming distance, coloured by label."""

import numpy as np

from medhash.core.plots import PALETTE, canvas

OTHER_LABELS = "other labels"
_N_COLOURS = len(PALETTE) - 1


def code_map(codes: np.ndarray, labels: list[list[str]], seed: int) -> str:
    """Lay codes out in the plane and return a data: URI.

    codes: packed bits, uint8 (N, bits/8), N ≥ 4. labels: names per case; a case with several takes the rarest of
    those that have a colour. Distances: bits that differ. Seeded, so equal codes give an equal picture.
    """
    coloured = coloured_labels(labels)
    names = sorted(set(coloured), key=lambda name: (name == OTHER_LABELS, -coloured.count(name), name))
    places = _tsne(codes, seed)
    with canvas(6.4, 4.6) as drawn:
        axes = drawn.figure.subplots()
        for position, name in enumerate(names):
            member = np.array([label == name for label in coloured])
            axes.scatter(
                places[member, 0],
                places[member, 1],
                s=13,
                linewidths=0,
                alpha=0.75,
                color="#b8c2cc" if name == OTHER_LABELS else PALETTE[position % _N_COLOURS],
                marker="osD^vP*"[position % 7],
                label=f"{name} ({member.sum()})",
                zorder=1 + position,
            )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_aspect("equal", adjustable="datalim")
        drawn.figure.legend(loc="outside lower center", ncols=3, markerscale=1.5)
    return drawn.uri


def coloured_labels(labels: list[list[str]]) -> list[str]:
    """The one label each case is drawn as: of the six most frequent, its rarest; else `other labels`."""
    counts: dict[str, int] = {}
    for names in labels:
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    shown = sorted(counts, key=lambda name: (-counts[name], name))[:_N_COLOURS]
    return [
        min((name for name in names if name in shown), key=lambda name: (counts[name], name), default=OTHER_LABELS)
        for names in labels
    ]


def _tsne(codes: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    bits = np.unpackbits(codes, axis=1).astype(np.float32)  # (N, K)
    distances = bits @ (1 - bits).T + (1 - bits) @ bits.T  # (N, N), Hamming
    return TSNE(
        metric="precomputed", init="random", random_state=seed, max_iter=600, perplexity=min(30.0, (len(codes) - 1) / 3)
    ).fit_transform(distances)
