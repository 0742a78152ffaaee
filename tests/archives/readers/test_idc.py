"""IDC patches: what their names say, and the squares of tissue that are bags."""

import hashlib
from itertools import product

import pytest
from named_archive import KEY, NamedArchive, coloured

from medhash.archives.pseudonyms import pseudonyms
from medhash.archives.readers.idc import read_entries
from medhash.core.params import IngestParams
from medhash.core.params.ingest import BagParams, IdcParams

PATHS = [
    f"{patient}/{label}/{patient}_idx5_x{x}_y{y}_class{label}.png"
    for patient, x, y, label in (
        (98765, 151, 151, 0),
        (98765, 1, 51, 0),
        (98765, 201, 1, 0),
        (98765, 51, 1, 1),
        (98766, 1, 1, 1),
        (98766, 1, 51, 1),
    )
]
"""Rows 1 to 6, as their names sort. With 4 x 4 patches to a bag: rows 1, 2 and 4, row 3, and rows 5 and 6."""


@pytest.fixture
def archive(tmp_path, monkeypatch) -> NamedArchive:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return NamedArchive(tmp_path, "idc", PATHS)


@pytest.mark.parametrize(
    ("by", "bags"),
    [
        ("image", [[1], [2], [3], [4], [5], [6]]),
        ("neighbourhood", [[1, 2, 4], [3], [5, 6]]),
        ("patient", [[1, 2, 3, 4], [5, 6]]),
    ],
)
@pytest.mark.parametrize("layout", [{}, {"flat": True}, {"tar": "IDC_regular_ps50_idx5.tar.gz"}])
def test_patches_come_from_folders_or_tars_and_are_put_together_as_asked(layout, by, bags, archive):
    archive.write(**layout)
    assert archive.ingest(by=by) == 0
    assert archive.bags() == bags
    rows = archive.taken()
    assert [row["labels"] for row in rows] == [
        {"pathology": [label]} for label in ("non_idc", "non_idc", "non_idc", "idc", "idc", "idc")
    ]
    assert {(row["modality"], row["organ"], row["region"]) for row in rows} == {("histology", "breast", None)}
    assert [row["patient_id"] for row in rows] == pseudonyms(KEY.encode(), "patient", ["98765"] * 4 + ["98766"] * 2)


@pytest.mark.parametrize("n", [1, 3, 4, 8])
def test_a_neighbourhood_is_a_square_of_n_by_n_patches_wherever_it_lies(n, tmp_path):
    places = list(product(range(13), range(13)))
    for column, row in places:
        (tmp_path / f"1_idx5_x{50 * column + 1}_y{50 * row + 1}_class0.png").write_bytes(b"")
    settings = IngestParams(bags=BagParams(by="neighbourhood"), idc=IdcParams(neighbourhood=n))
    rows = read_entries(tmp_path, settings).rows
    bag_of = dict(zip(rows["source_name"], rows["bag"], strict=True))
    for (a, b), (c, d) in product(places[::5], places[::7]):
        together = (
            bag_of[f"1_idx5_x{50 * a + 1}_y{50 * b + 1}_class0.png"]
            == bag_of[f"1_idx5_x{50 * c + 1}_y{50 * d + 1}_class0.png"]
        )
        corners = {(place - place % n) for place in (a, c)}, {(place - place % n) for place in (b, d)}
        assert together == all(len(corner) == 1 for corner in corners)
    assert max(rows.groupby("bag").size()) == n * n


@pytest.mark.parametrize(
    "name",
    [
        "98767_idx5_x1_y1_class2.png",
        "98767_idx5_x1_y1_class1.jpg",
        "98767_x1_y1_class1.png",
        "98767.png",
        "98767_idx5_x-1_y1_class1.png",
        "98767_idx5_x1_y1_class1 (1).png",
        f"98767_idx5_x{'1' * 40}_y1_class1.png",
    ],
)
def test_a_name_of_another_form_is_refused_by_its_place_and_never_told(name, archive, capsys):
    archive.files[f"9/{name}"] = coloured(9)
    archive.write()
    assert archive.ingest(max_rejected_share=0.1) == 1
    assert "row 7: malformed_name" in (error := capsys.readouterr().err)
    assert archive.ingest() == 0
    assert archive.refused() == [(7, "malformed_name")]
    output = capsys.readouterr()
    assert "98767" not in error + output.out + output.err


def test_a_patch_under_both_classes_is_taken_once_and_a_whole_second_copy_counts_for_nothing(archive):
    archive.files |= {f"IDC_regular_ps50_idx5/{path}": data for path, data in archive.files.items()}
    archive.files["98765/1/98765_idx5_x1_y51_class1.png"] = coloured(9)
    archive.write()
    assert archive.ingest() == 0
    assert (len(archive.taken()), archive.refused()) == (6, [(3, "duplicate_row")])


def test_a_bag_that_names_do_not_tell_is_refused_and_a_bag_too_large_is_lost_whole(archive, capsys):
    archive.write()
    assert archive.ingest(by="slide") == 1
    assert "set ingest.bags.by to image, neighbourhood or patient" in capsys.readouterr().err
    assert archive.ingest(bags={"by": "patient", "max_size": 3}, max_rejected_share=0.7) == 0
    assert archive.refused() == [(row, "bag_too_large") for row in (1, 2, 3, 4)]
    assert archive.bags() == [[5, 6]]


def test_a_forgotten_patient_is_left_out_with_files_of_another_form(archive, capsys):
    archive.files["98765/98765_overview.png"] = coloured(9)
    archive.files["98765/slide 98765.png"] = coloured(10)
    archive.write()
    (archive.workspace.root / "data").mkdir()
    pseudonym = pseudonyms(KEY.encode(), "patient", ["98765"])[0]
    digest = hashlib.sha256(b"forgotten\0" + pseudonym.encode()).hexdigest()
    (archive.workspace.root / "data" / "forgotten.txt").write_text(f"{digest}\n")
    assert archive.ingest(by="neighbourhood") == 0
    told = capsys.readouterr().out
    assert "left out 4 images of 1 forgotten patients" in told
    assert "refused 0" in told
    assert archive.bags() == [[6, 7]]
    assert archive.mentions("98765") == []
