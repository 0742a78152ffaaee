"""Cutting: each part is a row of its file's bag, and nothing is decoded twice unless it is cut otherwise."""

import numpy as np
import pytest
from ingest.case_archive import KEY, SIZE_PX, CaseArchive, image, png
from watching import age, opened_files

from medhash.archives.decode import decode_bytes
from medhash.archives.preparation import Pointed, Preparation
from medhash.archives.pseudonyms import pseudonyms
from medhash.core.errors import MedhashError

GRID = {"into": "grid", "grid": 2}
REGIONS = {"into": "regions", "grid": 2}


@pytest.fixture
def cases(tmp_path) -> CaseArchive:
    return CaseArchive(tmp_path)


def test_each_tile_has_a_row_its_pixels_and_a_pseudonym_of_file_and_place(cases, monkeypatch):
    cases.files["case1.png"] = png(image(1, 70, 33))
    assert "24 parts of 6 images of 3 patients in 3 bags (8 to 8 parts), decoded 6" in cases.ingest(
        monkeypatch, cut=GRID
    )
    pixels, rows = cases.pixels(), cases.images().to_pylist()
    assert pixels.shape == (24, 1, SIZE_PX, SIZE_PX)
    assert [row["pixel_row"] for row in rows] == list(range(24))
    assert [row["image_id"] for row in rows] == sorted({row["image_id"] for row in rows})
    for row in rows:
        name = cases.rows[row["source_row"] - 2]["source_name"]
        decoded = decode_bytes(cases.files[name], Preparation(SIZE_PX, 10**6, grid=2))
        part = decoded.regions.index(tuple(row["region"]))
        assert np.array_equal(pixels[row["pixel_row"]], decoded.pixels[part])
        assert (row["width"], row["height"]) == ((70, 33) if name == "case1.png" else (64, 64))
        place = ",".join(map(str, row["region"]))
        assert row["image_id"] == pseudonyms(KEY, "image", [f"{name}\0{place}"])[0]
    assert len({(row["sha256"], *row["region"]) for row in rows}) == 24


def test_without_bags_a_file_that_is_cut_is_the_bag_under_the_name_it_has_when_whole(cases, monkeypatch):
    for row in cases.rows:
        del row["bag"]
    cases.ingest(monkeypatch)
    whole = dict(zip(cases.images()["sha256"].to_pylist(), cases.images()["image_id"].to_pylist(), strict=True))
    assert "in 6 bags (4 to 4 parts)" in cases.ingest(monkeypatch, cut=GRID)
    assert {(row["sha256"], row["bag_id"]) for row in cases.images().to_pylist()} == set(whole.items())


def test_regions_are_taken_where_the_table_points_and_a_grid_where_it_does_not(cases, monkeypatch):
    points = [((0, 0, 32, 32), (40, 40, 99, 99)), None, (), ((8, 8, 8, 8),), ((8, 8, 8, 8),), ((99, 0, 5, 5),)]
    for row, regions in zip(cases.rows, points, strict=True):
        row["regions"] = regions
    cases.ingest(monkeypatch, cut=REGIONS)
    by_line: dict[int, list] = {}
    for row in cases.images().to_pylist():
        by_line.setdefault(row["source_row"], []).append(tuple(row["region"]))
    tiles = [(0, 0, 32, 32), (0, 32, 32, 32), (32, 0, 32, 32), (32, 32, 32, 32)]
    assert {line: sorted(regions) for line, regions in by_line.items()} == {
        2: [(0, 0, 32, 32), (40, 40, 24, 24)],
        3: tiles,
        4: tiles,
        5: [(8, 8, 8, 8)],
        6: [(8, 8, 8, 8)],
    }
    assert cases.rejected() == [(7, "region_outside", "region 1 of 1 shows nothing of the image's 64×64 px")]
    cases.ingest(monkeypatch)
    assert cases.images()["region"].null_count == 6  # the setting decides, not the table


def test_regions_of_a_frame_are_scaled_to_each_file(cases, monkeypatch):
    cases.frame = (128, 128)
    for row in cases.rows:
        row["regions"] = ((64, 0, 32, 32),)
    cases.ingest(monkeypatch, cut=REGIONS)
    assert {tuple(region) for region in cases.images()["region"].to_pylist()} == {(32, 0, 16, 16)}


def test_a_part_has_the_size_of_its_file_where_the_table_tells_the_original_s(cases, monkeypatch):
    read = cases.read_entries

    def with_sizes(*arguments):
        entries = read(*arguments)
        entries.rows["width"] = 4096
        return entries

    cases.read_entries = with_sizes
    cases.ingest(monkeypatch)
    assert cases.images()["width"].unique().to_pylist() == [4096]
    cases.ingest(monkeypatch, cut=GRID)
    assert cases.images()["width"].unique().to_pylist() == [64]


@pytest.mark.parametrize("settings", [{}, {"cut": GRID}, {"cut": REGIONS, "bags": {"by": "patient"}}])
def test_the_order_of_rows_and_files_changes_no_byte(settings, cases, tmp_path, monkeypatch):
    for row in cases.rows[:3]:
        row["regions"] = ((0, 0, 20, 20), (20, 20, 20, 20))
    cases.ingest(monkeypatch, **settings)
    expected = cases.output()
    cases.workspace.decode_cache.unlink()
    cases.shuffled = True
    cases.ingest(monkeypatch, **settings)
    assert cases.output() == expected


def test_a_second_run_opens_no_file_and_another_cut_or_other_regions_decode_anew(cases, monkeypatch):
    for row in cases.rows:
        row["regions"] = ((0, 0, 20, 20),)
    cases.write()
    age(cases.root / "archive")
    for settings in ({"cut": REGIONS}, {"cut": GRID}, {}, {"cut": {"into": "grid", "grid": 3}}):
        assert "decoded 6, reused 0" in cases.ingest(monkeypatch, **settings)
        first = cases.output()
        with opened_files() as opened:
            assert "decoded 0, reused 6" in cases.ingest(monkeypatch, **settings)
        assert not [name for name in opened if name.startswith("case")]
        assert cases.output() == first
    cases.rows[4]["regions"] = ((0, 0, 20, 20), (30, 30, 20, 20))
    with opened_files() as opened:
        said = cases.ingest(monkeypatch, cut=REGIONS)
    assert "7 parts of 6 images" in said
    assert "decoded 1, reused 5" in said
    assert [name for name in opened if name.startswith("case")] == ["case4.png"]


def test_a_file_is_refused_once_whatever_its_parts_and_two_files_of_the_same_bytes_are_one(cases, monkeypatch):
    cases.files["case3.png"] = cases.files["case2.png"]
    cases.files["case4.png"] = b""
    cases.ingest(monkeypatch, cut=GRID)
    assert [(line, reason) for line, reason, _ in cases.rejected()] == [(5, "exact_duplicate"), (6, "empty")]
    assert len(cases.images()) == 16
    assert len(cases.images()["sha256"].unique()) == 4


def test_neither_another_cut_nor_a_refused_file_is_a_withdrawal_but_a_lost_file_is(cases, monkeypatch):
    cases.ingest(monkeypatch)
    strict = {"max_withdrawn_share": 0.0}
    assert "new 24, changed 0, withdrawn 0 parts" in cases.ingest(monkeypatch, cut=GRID, **strict)
    assert "withdrawn 0 parts" in cases.ingest(monkeypatch, cut={"into": "grid", "grid": 3}, **strict)
    assert "withdrawn 0 parts" in cases.ingest(monkeypatch, cut=GRID, **strict)
    cases.files["case2.png"] = b""
    assert "withdrawn 4 parts" in cases.ingest(monkeypatch, cut=GRID, **strict)
    cases.rows.pop()
    with pytest.raises(MedhashError, match="4 of the 20 parts of images of the last run are gone"):
        cases.ingest(monkeypatch, cut=GRID, **strict)
    assert "withdrawn 4 parts" in cases.ingest(monkeypatch, cut=GRID)


def test_a_bag_of_too_many_parts_is_refused_with_its_size(cases, monkeypatch):
    cases.files["case0.png"] = png(image(0) * np.pad(np.ones((32, 32), np.uint8), ((0, 32), (0, 32))))
    cases.ingest(monkeypatch, cut=GRID, bags={"by": "patient", "max_size": 7})
    assert {line for line, _, _ in cases.rejected()} == {4, 5, 6, 7}
    assert {detail for _, _, detail in cases.rejected()} == {
        "the bag holds 8 images or parts of images; ingest.bags.max_size allows 7"
    }
    assert len(cases.images()) == 5  # the dark tiles of case 0 are none of its parts


def test_what_the_archive_cannot_give_is_one_clear_error(cases, monkeypatch):
    with pytest.raises(MedhashError, match=r"cases\.csv points at no region of its images"):
        cases.ingest(monkeypatch, cut=REGIONS)
    with pytest.raises(MedhashError, match=r"ingest.stain: macenko changes colours, but .* taken as greys"):
        cases.ingest(monkeypatch, stain="macenko")
    assert not cases.workspace.derived.exists()


def test_what_a_query_is_cut_into_is_what_ingest_stores(cases, tmp_path, monkeypatch):
    from medhash.archives.decode import decode_file

    cases.ingest(monkeypatch, cut=GRID)
    asked = decode_file(tmp_path / "archive" / "case0.png", Preparation(SIZE_PX, 10**6, grid=2))
    rows = [row["pixel_row"] for row in cases.images().to_pylist() if row["source_row"] == 2]
    assert sorted(map(bytes, asked)) == sorted(map(bytes, cases.pixels()[rows]))


def test_caches_of_whole_grey_images_from_before_stay_good_until_other_code_decodes(cases, monkeypatch):
    import sqlite3

    from medhash.archives import decode_cache
    from medhash.archives.decode_cache import DecodeCache

    cases.ingest(monkeypatch)
    with sqlite3.connect(cases.workspace.decode_cache) as connection:
        ((decoder, n_bytes),) = connection.execute("SELECT DISTINCT decoder, length(pixels) FROM decoded").fetchall()
        assert (decoder.split(" code ")[0], n_bytes) == (decode_cache.DECODER, SIZE_PX**2)
        connection.execute("DROP TABLE parts")  # older caches have none
    connection.close()
    assert "reused 6" in cases.ingest(monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr(decode_cache, "code_digest", lambda root: "edited")
        assert "decoded 6, reused 0" in cases.ingest(monkeypatch)
    digest = cases.images()["sha256"][0].as_py()
    with DecodeCache(cases.workspace.decode_cache, Preparation(SIZE_PX, 64_000_000, grid=2)) as cache:
        assert not cache.knows(digest)
        assert not cache.knows(digest, (Pointed(0, 0, 9, 9),))


def test_what_leaves_the_archive_leaves_no_part_of_it_in_the_cache(cases, monkeypatch):
    import sqlite3

    cases.rows[0]["regions"] = ((0, 0, 20, 20), (30, 30, 20, 20))
    for row in cases.rows[1:]:
        row["regions"] = None
    for settings in ({"cut": GRID}, {"cut": REGIONS}, {}):
        cases.ingest(monkeypatch, **settings)
    gone = [row["sha256"] for row in cases.images().to_pylist() if row["source_row"] == 2]
    del cases.rows[0]
    cases.ingest(monkeypatch, cut=GRID)
    with sqlite3.connect(cases.workspace.decode_cache) as connection:
        decoded = [row[0].hex() for row in connection.execute("SELECT sha256 FROM decoded")]
        parts = [row[0].hex() for row in connection.execute("SELECT sha256 FROM parts")]
    assert (len(decoded), len(parts)) == (10, 5)  # five files, in tiles and whole
    connection.close()
    assert not set(gone) & {*decoded, *parts}


def test_a_run_killed_between_two_files_goes_on_and_ends_with_the_same_bytes(cases, tmp_path, monkeypatch):
    from medhash.archives.decode_cache import DecodeCache

    cases.ingest(monkeypatch, cut=GRID)
    expected = cases.output()
    cases.workspace.decode_cache.unlink()
    put = DecodeCache.put

    def put_and_fail(self, *arguments):
        put(self, *arguments)
        if self._uncommitted == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DecodeCache, "put", put_and_fail)
        with pytest.raises(KeyboardInterrupt):
            cases.ingest(patch, cut=GRID)
    assert cases.output() == expected
    assert "decoded 3, reused 3" in cases.ingest(monkeypatch, cut=GRID)
    assert cases.output() == expected
