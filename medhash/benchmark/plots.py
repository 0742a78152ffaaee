"""A table's pictures: a figure over bits beside chance, precision over recall, t-SNE of codes. All are PNG files."""

from pathlib import Path

import numpy as np

from medhash.benchmark import facts
from medhash.benchmark.items import Asked
from medhash.benchmark.papers import T_SNE_METHODS, TITLES
from medhash.benchmark.results import Measured
from medhash.core.data_sets import SetWorkspace
from medhash.core.plots import MUTED, PALETTE, Canvas, canvas, method_line
from medhash.retrieval.code_map import OTHER_LABELS, coloured_labels

_LONGEST = 64
_MOST_POINTS = 1000


def draw(workspace: SetWorkspace, asked: Asked, results: list[Measured], seed: int) -> list[tuple[Path, str]]:
    """Draw what the table's results allow; the files, beside the table, each with a caption."""
    base, measured = workspace.tables / asked.table.name, [result for result in results if result.seeds]
    workspace.tables.mkdir(parents=True, exist_ok=True)
    drawn: list[tuple[Path, str]] = []
    if not measured:
        return drawn
    if len(asked.bits) > 1:
        for figure in asked.table.figures:
            path = base.with_name(f"{base.name}-{figure}.png")
            _over_bits(path, asked, measured, figure)
            drawn.append((path, f"{TITLES[figure]} over bits, mean over seeds; the bar is one standard deviation."))
    bits = _LONGEST if _LONGEST in asked.bits else max(asked.bits)
    longest = [result for result in measured if result.bits == bits]
    if longest:
        path = base.with_name(f"{base.name}-precision-recall.png")
        _precision_recall(path, longest)
        drawn.append((path, f"Precision over recall of {bits}-bit codes as the radius grows, first seed of each row."))
    shown = [result for method in T_SNE_METHODS for result in longest if result.row.method == method]
    if shown and asked.table.name.startswith("drh"):
        path = base.with_name(f"{base.name}-t-sne.png")
        n_shown = _t_sne(path, workspace, shown, seed)
        drawn.append(
            (
                path,
                f"t-SNE of the {bits}-bit codes of {n_shown:,} test cases under Hamming distance, first "
                "seed of each row; a case with several labels is drawn as its rarest.",
            )
        )
    return drawn


def _over_bits(path: Path, asked: Asked, results: list[Measured], figure: str) -> None:
    with canvas(6.8, 4.4) as drawn:
        axes = drawn.figure.subplots()
        for position, row in enumerate(asked.table.rows):
            own = [result for result in results if result.row == row]
            if own:
                axes.errorbar(
                    [result.bits for result in own],
                    [result.mean(figure) for result in own],
                    yerr=[result.std(figure) or 0.0 for result in own],
                    marker="o",
                    markersize=3.5,
                    capsize=2,
                    label=row.name,
                    **method_line(position),
                )
        axes.axhline(results[0].chance(figure), color=MUTED, linestyle=":", label="chance")
        axes.set(xlabel="bits", ylabel=TITLES[figure], xticks=asked.bits)
        drawn.figure.legend(loc="outside right upper")
        _save(drawn, path)


def _precision_recall(path: Path, results: list[Measured]) -> None:
    with canvas(6.8, 4.4) as drawn:
        axes = drawn.figure.subplots()
        for position, result in enumerate(results):
            points = sorted(result.metrics[0].curve, key=lambda point: point.radius)
            axes.plot(
                [point.recall for point in points],
                [point.precision for point in points],
                marker="o",
                markersize=2.2,
                label=result.row.name,
                **method_line(position),
            )
        # The largest radius holds the whole gallery: its precision is what a random order reaches at any recall.
        axes.axhline(points[-1].precision, color=MUTED, linestyle=":", label="chance")
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01))
        drawn.figure.legend(loc="outside right upper")
        _save(drawn, path)


def _t_sne(path: Path, workspace: SetWorkspace, results: list[Measured], seed: int) -> int:
    """A panel per row; returns how many cases are drawn."""
    maps = [_codes_and_labels(workspace, result, seed) for result in results]
    names = sorted({name for _, labels in maps for name in labels}, key=lambda name: (name == OTHER_LABELS, name))
    with canvas(4.7 * min(2, len(results)), 4.6 * ((len(results) + 1) // 2)) as drawn:
        panels = np.atleast_1d(drawn.figure.subplots((len(results) + 1) // 2, min(2, len(results)))).ravel()
        for panel, result, (bits, labels) in zip(panels, results, maps, strict=False):
            places = _laid_out(bits, seed)
            for position, name in enumerate(names):
                member = np.array([label == name for label in labels])
                panel.scatter(
                    *places[member].T,
                    s=9,
                    linewidths=0,
                    alpha=0.75,
                    zorder=1 + position,
                    color="#b8c2cc" if name == OTHER_LABELS else PALETTE[position % (len(PALETTE) - 1)],
                    label=name,
                )
            panel.set(xticks=[], yticks=[], title=f"{result.row.name}, MAP {result.metrics[0].figures.map:.3f}")
        for panel in panels[len(results) :]:
            panel.set_axis_off()
        drawn.figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, markerscale=1.8
        )
        _save(drawn, path)
    return len(maps[0][1])


def _codes_and_labels(workspace: SetWorkspace, result: Measured, seed: int) -> tuple[np.ndarray, list[str]]:
    """Bits of up to 1,000 test bags, float32 (n, K), and the label each is drawn as; the same bags for all rows."""
    from medhash.core.contracts import LABEL_SETS, LABELS, read_table
    from medhash.core.documents import Vocabulary
    from medhash.retrieval.code_table import read_codes, unpacked_bytes

    first = next(iter(result.seeds))
    codes = read_codes(workspace.row(result.row.method, result.bits, first) / facts.CODES).sort_by("bag_id")
    test = np.flatnonzero(codes["fold"].to_numpy() == "test")
    if len(test) > _MOST_POINTS:
        test = np.sort(np.random.default_rng(seed).choice(test, _MOST_POINTS, replace=False))
    table = read_table(workspace.labels, LABELS)
    sets, vocabulary = read_table(workspace.label_sets, LABEL_SETS), Vocabulary.read(workspace.vocabulary)
    names = {
        set_id: [vocabulary.labels[index] for index in indices]
        for set_id, indices in zip(sets["set_id"].to_pylist(), sets["labels"].to_pylist(), strict=True)
    }
    set_of = dict(zip(table["bag_id"].to_pylist(), table["set_id"].to_pylist(), strict=True))
    labels = coloured_labels([names[set_of[bag]] for bag in codes["bag_id"].take(test).to_pylist()])
    bits = np.unpackbits(unpacked_bytes(codes["code"].combine_chunks())[test], axis=1)
    return bits.astype(np.float32), labels


def _laid_out(bits: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(bits) - 1) / 3)
    places: np.ndarray = TSNE(
        metric="hamming", init="random", random_state=seed, max_iter=600, perplexity=perplexity
    ).fit_transform(bits)
    return places


def _save(drawn: Canvas, path: Path) -> None:
    from medhash.core.files import replacing_file

    with replacing_file(path) as temporary:
        drawn.figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None})
