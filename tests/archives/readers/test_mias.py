"""mini-MIAS: the forms of Info.txt's lines, pairs of films, circles from the bottom left, PGM in tars and folders."""

import io
import tarfile

import numpy as np
import pytest
from archives.readers.mammography import KEY, MammographyArchive, film, pgm, png
from forgetting import forget, named_in_outputs

from medhash.archives.readers.mias import read_entries
from medhash.core.params import IngestParams

HEAD = """MAMMOGRAPHIC IMAGE ANALYSIS SOCIETY
1st column: MIAS database reference number.
                F - Fatty
===========================================

"""
LINES = [
    "mdb001 G CIRC B 535 425 197",
    "mdb002 D NORM ",
    "mdb003 F CALC B 10 1014 10",
    "mdb003 F CIRC M 512 512 100",
    "mdb004 F CALC M *NOTE 3* ",
    "mdb059 F CIRC B",
]
FIRST = 6
"""The line of the first film."""


class Mias(MammographyArchive):
    def __init__(self, root):
        super().__init__(root, "mias")
        self.lines = list(LINES)
        self.films = {
            name: film(number) for number, name in enumerate(("mdb001", "mdb002", "mdb003", "mdb004", "mdb059"))
        }

    def write(self, packed: bool = False) -> None:
        info = (HEAD + "\n".join([*self.lines, "", "====="])).encode()
        files = {"Info.txt": info} | {f"{name}.pgm": pgm(pixels) for name, pixels in self.films.items()} | self.files
        self.files = {} if packed else files
        super().write()
        if packed:
            self.folder.mkdir(exist_ok=True)
            with tarfile.open(self.folder / "all-mias.tar.gz", "w:gz") as tar:
                for name, data in files.items():
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))


@pytest.fixture
def mias(tmp_path, monkeypatch) -> Mias:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return Mias(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_film_is_a_row_with_its_worst_severity_and_the_films_of_a_patient_are_a_bag(packed, mias, capsys):
    mias.write(packed)
    assert mias.ingest(bags={"by": "patient"}) == 0
    told = capsys.readouterr().out
    assert "2 abnormal films without coordinates of their abnormality are taken, lines 10, 11 of Info.txt" in told
    rows = mias.taken()
    assert [row["source_row"] for row in rows] == [6, 7, 8, 10, 11]
    assert [row["labels"] for row in rows] == [
        {"pathology": "benign", "abnormality": "circ", "tissue": "fatty-glandular"},
        {"pathology": "normal", "tissue": "dense-glandular"},
        {"pathology": "malignant", "abnormality": "calc|circ", "tissue": "fatty"},
        {"pathology": "malignant", "abnormality": "calc", "tissue": "fatty"},
        {"pathology": "benign", "abnormality": "circ", "tissue": "fatty"},
    ]
    assert [row["laterality"] for row in rows] == ["L", "R", "L", "R", "L"]
    assert {(row["modality"], row["organ"], row["view"]) for row in rows} == {("mammography", "breast", "MLO")}
    for column in ("patient_id", "bag_id"):
        a, b, c, d, e = (row[column] for row in rows)
        assert a == b != c == d != e != a
    pixels = np.load(mias.workspace.pixels)
    assert pixels.shape == (5, 1, 16, 16)
    assert mias.ingest() == 0
    assert len({row["bag_id"] for row in mias.taken()}) == 5


def test_circles_become_squares_counted_from_the_top_and_scaled_to_the_files_size(mias):
    mias.films["mdb001"] = film(1, 64)  # a sixteenth of the published size
    mias.write()
    assert mias.ingest(cut={"into": "regions", "grid": 2}) == 0
    rows = mias.taken()
    # x 535, y 425, radius 197 of 1024 px, y from the bottom: left 338, top 1024 - 425 - 197 = 402, side 394
    left, top, width, height = next(row["region"] for row in rows if row["source_row"] == 6)
    assert left == int(338 / 16)
    assert top == int(402 / 16)
    assert 0 <= width - 394 / 16 < 2
    assert 0 <= height - 394 / 16 < 2
    # radius 10 around (10, 1014): the corner at the left top of the film
    corner = [row["region"] for row in rows if row["source_row"] == 8]
    assert len(corner) == 2
    assert [0, 0] in [region[:2] for region in corner]
    assert [len([row for row in rows if row["source_row"] == line]) for line in (7, 10, 11)] == [4, 4, 4]


REFUSED = {
    "no reference number": ("db005 F NORM", (12, "malformed_row")),
    "reference number cut off": ("mdb05 F NORM", (12, "malformed_row")),
    "reference number alone": ("mdb005", (12, "malformed_row")),
    "normal, yet severe": ("mdb005 F NORM M", (12, "malformed_row")),
    "unknown tissue": ("mdb005 X NORM", (12, "unknown_finding")),
    "unknown abnormality": ("mdb005 F LUMP B 1 2 3", (12, "unknown_finding")),
    "no severity": ("mdb005 F CIRC", (12, "unknown_pathology")),
    "unknown severity": ("mdb005 F CIRC X 1 2 3", (12, "unknown_pathology")),
    "coordinates cut off": ("mdb005 F CIRC B 1 2", (12, "no_coordinates")),
    "coordinates that are no numbers": ("mdb005 F CIRC B x y 3", (12, "no_coordinates")),
    "negative coordinates": ("mdb005 F CIRC B -1 2 3", (12, "no_coordinates")),
    "coordinates beyond the film": ("mdb005 F CIRC B 2000 2 3", (12, "no_coordinates")),
    "no radius": ("mdb005 F CIRC B 1 2 0", (12, "no_coordinates")),
    "the same line twice": ("mdb001 G CIRC B 535 425 197", (12, "duplicate_row")),
    "a film listed twice, once as normal": ("mdb001 G NORM", (6, "contradicting_labels")),
    "a film listed twice, of two tissues": ("mdb001 F CALC M 1 2 3", (6, "contradicting_labels")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_line_is_listed_by_number(case, mias, capsys):
    line, refused = REFUSED[case]
    mias.lines.append(line)
    mias.write()
    assert mias.ingest("--metadata-only", max_rejected_share=0.1) == 1
    error = capsys.readouterr().err
    assert "Info.txt: 1 refused against 7 rows" in error
    assert f"row {refused[0]}: {refused[1]}" in error
    assert mias.ingest("--metadata-only") == 0
    assert mias.refused() == [refused]
    assert len(mias.taken()) == (4 if refused[1] == "contradicting_labels" else 5)
    output = capsys.readouterr()
    assert "mdb0" not in error + output.out + output.err
    assert b"mdb0" not in mias.written()


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (lambda data: data[:-1], "truncated"),
        (lambda data: data[:5], "truncated"),
        (lambda data: b"", "empty"),
        (lambda data: data.replace(b"24 24", b"24 0"), "damaged"),
        (lambda data: data.replace(b"24 24", b"x 24"), "truncated"),
        (lambda data: data.replace(b"255\n", b"100\n"), "unsupported"),
        (lambda data: data.replace(b"24 24", b"2400 2400"), "truncated"),
        (lambda data: b"P2 no binary", "not_an_image"),
        (None, "missing_image"),
    ],
)
def test_a_film_that_is_not_whole_is_refused_and_its_patients_other_film_is_taken(spoilt, reason, mias):
    mias.write()
    path = mias.folder / "mdb002.pgm"
    if spoilt:
        path.write_bytes(spoilt(path.read_bytes()))
    else:
        path.unlink()
    assert mias.ingest(bags={"by": "patient"}) == 0
    assert mias.refused() == [(7, reason)]
    assert [row["source_row"] for row in mias.taken()] == [6, 8, 10, 11]


def test_a_film_without_a_line_and_two_copies_of_a_film_are_refused(mias):
    mias.files = {"mdb200.pgm": pgm(film(99)), "copies/mdb001.png": png(98), "mdb003.PNG": png(97)}
    mias.write()
    assert mias.ingest() == 0
    assert mias.refused() == [(6, "ambiguous_file"), (8, "ambiguous_file"), (None, "no_row")]


def test_sixteen_bits_and_other_heads_are_read_as_netpbm_has_them(mias):
    mias.films["mdb002"] = film(1).astype(np.uint16) * 257
    mias.files = {"mdb003.pgm": pgm(film(2), "P5 {w}\t{h} {greatest} "), "mdb004.pgm": pgm(film(3)) + b"more"}
    del mias.films["mdb003"], mias.films["mdb004"]
    mias.write()
    assert mias.ingest() == 0
    assert mias.refused() == []
    squares = np.load(mias.workspace.pixels)
    by_line = {row["source_row"]: squares[row["pixel_row"], 0] for row in mias.taken()}
    for line, seed in ((7, 1), (8, 2), (10, 3)):
        means = np.array([[_area(film(seed), y, x) for x in range(16)] for y in range(16)])
        assert np.abs(by_line[line] - means).max() <= 1


def _area(pixels: np.ndarray, y: int, x: int, n: int = 16) -> float:
    """Mean grey of the square (y, x) of n × n that cover the pixels, each weighed by its share in it."""
    side = len(pixels)
    first, last = np.arange(side), np.arange(1, side + 1)
    weights = [
        np.clip(np.minimum(last, (at + 1) * side / n) - np.maximum(first, at * side / n), 0, None) for at in (y, x)
    ]
    return float(weights[0] @ pixels @ weights[1] / np.outer(*weights).sum())


def test_a_forgotten_patient_leaves_no_trace_whatever_the_lines_say(mias, capsys):
    mias.lines += ["mdb003 F NORM", "mdb003 X NORM"]
    mias.lines.remove("mdb004 F CALC M *NOTE 3* ")
    mias.write()
    forget(mias.workspace.root, "2")
    assert mias.ingest(bags={"by": "patient"}) == 0
    assert mias.refused() == []
    assert [row["source_row"] for row in mias.taken()] == [6, 7, 10]
    assert "mdb003" not in (cells := named_in_outputs(mias.workspace.root))
    assert "mdb004" not in cells


@pytest.mark.parametrize("by", ["breast", "slide", "table", "study", "neighbourhood"])
def test_other_bags_are_refused_by_name(by, mias, capsys):
    mias.write()
    assert mias.ingest(bags={"by": by}) == 1
    assert "set ingest.bags.by to image or patient" in capsys.readouterr().err


def test_an_archive_without_a_table_or_with_an_empty_one_says_so(mias, capsys):
    mias.lines = []
    mias.write()
    assert mias.ingest() == 1
    assert "Info.txt has no line for a film" in capsys.readouterr().err
    (mias.folder / "Info.txt").write_bytes(b"\xff\xfe mdb001 F NORM")
    assert mias.ingest() == 1
    assert "Info.txt: not text at byte 0" in capsys.readouterr().err
    (mias.folder / "Info.txt").unlink()
    assert mias.ingest() == 1
    assert "holds no Info.txt, nor does a tar there" in capsys.readouterr().err


def test_all_lines_refused_is_one_error_and_not_a_crash(mias, capsys):
    mias.lines = ["mdb001 X NORM"]
    mias.write()
    assert mias.ingest(max_rejected_share=1.0) == 1
    assert "1 unknown_finding" in capsys.readouterr().err
    assert read_entries(mias.folder, IngestParams()).rows.empty
