"""The papers' tables: which method of the catalogue each row is, and the figures they print, typed from them."""

from collections.abc import Sequence
from dataclasses import dataclass

MAP, NDCG, ACG, WEIGHTED_MAP, P_H2 = "map", "ndcg_at_100", "acg_at_100", "weighted_map", "precision_h2"
P_1, P_5, P_10 = "precision_at_1", "precision_at_5", "precision_at_10"
TITLES = {
    MAP: "MAP",
    NDCG: "NDCG@100",
    ACG: "ACG@100",
    WEIGHTED_MAP: "mAPw",
    P_H2: "P@H2",
    P_1: "P@1",
    P_5: "P@5",
    P_10: "P@10",
}
"""Field of document Figures → what the papers call it."""
NEAREST = {P_1: 1, P_5: 5, P_10: 10}
"""Field of document Figures → k of P@k."""
BITS = (16, 32, 48, 64)


@dataclass(frozen=True)
class PaperRow:
    """A row of a table: the paper's name for it, our method, and what the paper reports."""

    name: str
    method: str
    printed: dict[tuple[int, str], float]
    """(bits, figure) → the paper's figure, as a share (the paper may print percent)."""


@dataclass(frozen=True)
class Table:
    """A table's shape and its conditions in the paper."""

    name: str
    title: str
    source: str
    figures: tuple[str, ...]
    bits: tuple[int, ...]
    rows: tuple[PaperRow, ...]
    conditions: tuple[tuple[str, str], ...] = ()
    """What the paper measured under: aspect → value. The page sets ours beside it."""
    by_class: bool = False
    """Whether the first figure is shown for the queries of each class, too."""


def _over_bits(name: str, method: str, figure: str, values: Sequence[float], scale: float = 1.0) -> PaperRow:
    return PaperRow(
        name, method, {(bits, figure): round(value * scale, 6) for bits, value in zip(BITS, values, strict=True)}
    )


def _percent(name: str, method: str, *values: float) -> PaperRow:
    return _over_bits(name, method, MAP, values, 0.01)


def _by_depth(name: str, method: str, map_18: float, map_34: float, p_18: float, p_34: float) -> tuple[PaperRow, ...]:
    return tuple(
        PaperRow(
            f"{name} {depth}-L",
            f"{method}-{depth}",
            {(64, MAP): round(precision / 100, 6), (64, P_H2): round(in_ball / 100, 6)},
        )
        for depth, precision, in_ball in ((18, map_18, p_18), (34, map_34, p_34))
    )


def _variant(name: str, method: str, ndcg: float, acg: float, weighted: float) -> PaperRow:
    return PaperRow(name, method, {(32, NDCG): ndcg, (32, ACG): acg, (32, WEIGHTED_MAP): weighted})


_DRH = "Conjeti, Guha Roy, Katouzian & Navab, Deep Residual Hashing (2016)"
_OSDH = "Chen, Cai, Lu, Feng & Zhou, Order-Sensitive Deep Hashing for Multimorbidity Medical Image Retrieval (2018)"
_DRH_CONDITIONS = (
    ("data set", "Indiana University chest X-rays (Open-i)"),
    ("images", "2,599, frontal"),
    ("labels", "nine MeSH patterns"),
    ("folds", "80 % training, 20 % test, patients apart"),
    ("image size", "224 px"),
    ("epochs", "until convergence"),
    ("initial weights", "random; A-KSH and V-KSH from networks trained on ImageNet"),
    ("features of shallow methods", "GIST, 512 numbers"),
    ("order of ties", "not said"),
)
_OSDH_CONDITIONS = (
    ("data set", "NIH ChestX-ray"),
    ("images", "13,000"),
    ("labels", "the 13 most frequent pathologies"),
    ("folds", "80 % training, 20 % test, patients apart"),
    ("image size", "not said (AlexNet)"),
    ("epochs", "not said"),
    ("initial weights", "random"),
    ("features of shallow methods", "GIST, 1,024 numbers"),
    ("order of ties", "not said"),
)

DRH1 = Table(
    "drh1",
    "Table 1: MAP of the Hamming ranking over code sizes",
    _DRH,
    (MAP,),
    BITS,
    (
        _percent("LSH", "lsh", 22.77, 23.93, 23.99, 24.85),
        _percent("ITQ", "itq", 25.06, 25.19, 25.87, 26.23),
        _percent("CBE", "cbe", 13.21, 26.00, 25.32, 25.69),
        _percent("MHF", "mhf", 23.62, 27.02, 30.78, 36.75),
        _percent("KSH", "ksh", 26.46, 32.49, 32.01, 30.42),
        _percent("A-KSH", "a-ksh", 35.95, 37.28, 36.64, 39.31),
        _percent("V-KSH", "v-ksh", 47.92, 50.64, 53.62, 52.61),
        _percent("DPH-18", "dph-18", 48.78, 52.13, 54.01, 66.59),
        _percent("DPH-34", "dph-34", 46.64, 44.43, 51.39, 64.38),
        _percent("DRH-18", "drh-18", 50.93, 57.46, 62.76, 67.44),
        _percent("DRH-34", "drh-34", 56.79, 65.80, 75.81, 76.72),
    ),
    _DRH_CONDITIONS,
)

DRH2 = Table(
    "drh2",
    "Table 2: MAP and P@H2 of variants of Deep Residual Hashing",
    _DRH,
    (MAP, P_H2),
    (64,),
    (
        *_by_depth("DRN-KSH", "drn-ksh", 54.60, 62.50, 83.58, 87.50),
        *_by_depth("DPH", "dph", 66.59, 64.38, 91.50, 93.10),
        *_by_depth("DRH-NQ", "drh-nq", 62.69, 66.23, 82.37, 89.32),
        *_by_depth("DRH-NB", "drh-nb", 69.21, 77.45, 95.81, 95.64),
        *_by_depth("DRH", "drh", 67.44, 76.72, 95.56, 94.59),
    ),
    _DRH_CONDITIONS,
)

OSDH1 = Table(
    "osdh1",
    "Table 1: NDCG@100 over code sizes",
    _OSDH,
    (NDCG,),
    BITS,
    (
        _over_bits("DH", "dh", NDCG, (0.1233, 0.1364, 0.1384, 0.1374)),
        _over_bits("ITQ", "itq-1024", NDCG, (0.1545, 0.1568, 0.1569, 0.1565)),
        _over_bits("SSH", "ssh", NDCG, (0.1337, 0.1403, 0.1472, 0.1495)),
        _over_bits("SDH", "sdh", NDCG, (0.1868, 0.1874, 0.1923, 0.1937)),
        _over_bits("DSH", "dsh", NDCG, (0.1701, 0.1645, 0.1624, 0.1670)),
        _over_bits("OSDH", "osdh", NDCG, (0.2366, 0.2396, 0.2390, 0.2422)),
    ),
    _OSDH_CONDITIONS,
)

OSDH2 = Table(
    "osdh2",
    "Table 2: variants of Order-Sensitive Deep Hashing",
    _OSDH,
    (NDCG, ACG, WEIGHTED_MAP),
    (32,),
    (
        _variant("OSDH-R", "osdh-r", 0.2145, 0.3937, 0.3645),
        _variant("OSDH-C", "osdh-c", 0.2091, 0.3709, 0.3313),
        _variant("OSDH", "osdh", 0.2396, 0.4163, 0.3826),
    ),
    _OSDH_CONDITIONS,
)

PAPER_TABLES = {table.name: table for table in (DRH1, DRH2, OSDH1, OSDH2)}

DMIH = Table(
    "dmih",
    "Deep Multiple Instance Hashing: nearest neighbours and ranking of bags",
    "rows of Conjeti, Paschali, Katouzian & Navab, Deep Multiple Instance Hashing (2017), beside methods that "
    "hash each image and let the images of a bag vote; its figures are not at hand",
    (MAP, P_1, P_5, P_10),
    (16, 32, 64),
    (
        *(
            PaperRow(f"DMIH-{name}", f"dmih-{name.lower()}", {})
            for name in ("max", "mean", "noisy-or", "attention", "SI", "NR")
        ),
        *(
            PaperRow(f"{name}, vote", method, {})
            for name, method in (
                ("LSH", "lsh"),
                ("ITQ", "itq"),
                ("CBE", "cbe"),
                ("MHF", "mhf"),
                ("DSH", "dsh"),
                ("DPSH", "dpsh"),
                ("HashNet", "hashnet"),
                ("DRH-18", "drh-18"),
            )
        ),
    ),
    by_class=True,
)
"""For archives whose cases are bags. Every other method of the catalogue can be a row, too: its images vote. KSH stands
outside, as it wants 300 training images, more than small archives of bags have."""

STRUCTURED = Table(
    "structured",
    "Structured codes: modality, organ and pathology",
    "objectives 1 to 4 of Manna, Deep Neural Hashing for Medical Image Retrieval (2023), whose figures "
    "are not at hand, beside codes of one part at equal bits",
    (MAP, NDCG, P_10),
    (48,),
    (
        *(
            PaperRow(name, method, {})
            for name, method in (
                ("OPHash", "ophash"),
                ("MODHash", "modhash"),
                ("FuzzHash", "fuzzhash"),
                ("FuzzHash, no fuzzy layer", "fuzzhash-crisp"),
                ("IndepHash", "indephash"),
                ("DRH-18", "drh-18"),
                ("OSDH", "osdh"),
                ("HashNet", "hashnet"),
                ("Backbone + ITQ", "backbone-itq"),
            )
        ),
    ),
)
"""For data sets whose labels combine attributes (labels.attribute: combination)."""

TABLES = PAPER_TABLES | {DMIH.name: DMIH, STRUCTURED.name: STRUCTURED}
T_SNE_METHODS = ("itq", "v-ksh", "dph-18", "drh-34")
"""Fig. 1 of Deep Residual Hashing: GIST-ITQ, VGGF-KSH, DPH-18, DRH-34."""


def every_row(methods: Sequence[str]) -> Table:
    """The table `all`: these methods at 32 bits; no paper prints it."""
    return Table(
        "all",
        "Every method of the catalogue",
        "no paper",
        (MAP, NDCG, P_H2),
        (32,),
        tuple(PaperRow(method, method, {}) for method in methods),
    )
