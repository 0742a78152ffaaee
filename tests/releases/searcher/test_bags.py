"""Asking with the images of one case: the answer, which image matched which, the sheet, and bad input."""

import itertools
import json
import re
import shutil

import cv2
import numpy as np
import pytest
from of_bags import run_of_bags

from medhash.archives.preparation import Preparation
from medhash.commands.query import main
from medhash.core.contracts import IMAGES, read_table
from medhash.core.params import load_params
from medhash.hashing.model import load_model
from medhash.releases.assemble import build_release
from medhash.releases.searcher.loaded import LoadedRelease
from medhash.releases.searcher.sheet import places_shown
from medhash.retrieval.code_table import read_codes

CASE = (64, 65, 66)
"""Images of a bag of the test fold: the gallery does not hold it."""
ORANGE = (14, 127, 255)
"""Blue, green and red of the frame."""


def ask(workspace, *options, rows=CASE):
    images = [str(workspace.root / (f"{row}.png" if isinstance(row, int) else row)) for row in rows]
    return main(
        [*images, "--root", str(workspace.root), "--release", str(workspace.root / "release"), *map(str, options)]
    )


def content(workspace, *rows):
    return [(workspace.root / f"{row}.png").read_bytes() for row in rows]


@pytest.fixture(scope="module")
def release(bags):
    return LoadedRelease(bags.root / "release")


def test_a_case_of_the_gallery_finds_itself_whatever_the_order_of_its_files(bags, release):
    table = read_table(bags.images, IMAGES)
    own = table["bag_id"][8].as_py()  # its label is shown by one of three
    rows = [row for row, bag_id in enumerate(table["bag_id"].to_pylist()) if bag_id == own]
    assert len(rows) == 3
    answers = [
        [
            (found.id, found.distance_bits, found.labels)
            for found in release.answer(content(bags, *order), 24).neighbours
        ]
        for order in itertools.permutations(rows)
    ]
    assert answers[0][0][:2] == (own, 0)
    assert all(answer == answers[0] for answer in answers)
    alone = [found.distance_bits for row in rows for found in release.answer(content(bags, row), 24).neighbours]
    assert sorted(alone) != sorted(3 * [distance for _, distance, _ in answers[0]])  # images ask otherwise


def test_distances_and_the_pair_that_matched_are_those_of_plain_loops_over_the_code_table(bags, release):
    pixels, model = np.load(bags.pixels), load_model(bags.root / "release" / "model")
    own = [np.unpackbits(model.codes(pixels[[row]], np.array([0, 1])).bags[0]) for row in CASE]
    case = np.unpackbits(model.codes(pixels[list(CASE)], np.array([0, 3])).bags[0])
    row_of = {row["bag_id"]: row for row in read_codes(bags.root / "release" / "codes.parquet").to_pylist()}
    found = release.answer(content(bags, *CASE), 24).neighbours
    assert len(found) == 24
    for neighbour in found:
        row = row_of[neighbour.id]
        assert neighbour.distance_bits == (np.unpackbits(np.frombuffer(row["code"], np.uint8)) != case).sum()
        assert neighbour.n_images == len(row["instances"])
        pairs = [
            (int((np.unpackbits(np.frombuffer(image["code"], np.uint8)) != code).sum()), number, place)
            for number, code in enumerate(own, 1)
            for place, image in enumerate(row["instances"])
        ]
        distance, number, place = min(pairs)
        assert neighbour.match == (number, row["instances"][place]["image_id"], distance)
        assert neighbour.as_json()["matched"]["distance"] == distance


def test_all_cases_of_the_excluded_patient_are_left_out(bags, release):
    images = read_table(bags.images, IMAGES).to_pylist()
    patient = images[8]["patient_id"]
    own = {row["bag_id"] for row in images if row["patient_id"] == patient}
    found = {neighbour.id for neighbour in release.answer(content(bags, 8, 9, 10), 24, patient).neighbours}
    assert (len(own), len(found)) == (3, 21)
    assert not own & found


def test_the_answer_tells_sizes_matches_and_attention(bags, capsys):
    assert ask(bags, "--k", 3) == 0
    output = capsys.readouterr().out
    assert "asked with 3 images as one case" in output
    assert "rank  bag id            distance  images  labels" in output
    assert re.search(r"^1     [0-9a-f]{16}  \d bits?    [23]       \w", output, flags=re.MULTILINE)
    pairs = re.findall(r"^      image [123] of the query ~ image [0-9a-f]{16}, \d bits?$", output, re.MULTILINE)
    assert len(pairs) == 3
    shares = re.search(r"attention: image 1 (\d+)%, image 2 (\d+)%, image 3 (\d+)%", output).groups()
    assert abs(sum(map(int, shares)) - 100) <= 1
    assert len(set(shares)) > 1


def test_a_file_given_twice_counts_once(bags, release, capsys):
    assert ask(bags, "--k", 4, rows=(64, 65, 64, 66)) == 0
    output = capsys.readouterr().out
    assert "note: given before, so counted once: image 3" in output
    assert "asked with 3 images" in output
    assert "image 4" in output.split("attention: ")[1].split("\n")[0]  # images keep the number they came with
    once, twice = (release.answer(content(bags, *rows), 24).neighbours for rows in (CASE, (64, 65, 66, 66)))
    assert once == twice


@pytest.mark.parametrize("spoil", ["cut", "text", "gone", "grey"])
def test_an_error_says_which_image_and_never_its_name(bags, capsys, spoil):
    bad = bags.root / "jane_poe.png"
    bad.unlink(missing_ok=True)
    if spoil == "cut":
        bad.write_bytes(content(bags, 64)[0][:200])
    elif spoil == "text":
        bad.write_text("Jane Poe")
    elif spoil == "grey":
        cv2.imwrite(str(bad), np.zeros((32, 32), np.uint8))
    assert ask(bags, rows=(64, "jane_poe.png", 65)) == 1
    message = capsys.readouterr().err
    assert re.match(r"error: image 2 of 3 cannot be (read|opened): ", message)
    assert "poe" not in message.lower()
    assert ("in colour" in message) == (spoil != "gone")


def test_more_images_than_a_case_may_have_are_refused_before_any_is_read(bags, capsys):
    assert ask(bags, rows=["nothing here"] * 65) == 1
    assert "65 images were given as one case; it has 1 to 64" in capsys.readouterr().err


def test_the_image_that_matched_is_framed_on_the_sheet_and_has_the_number_of_the_query_s(bags, tmp_path, capsys):
    assert ask(bags, "--k", 5, "--out", tmp_path / "sheet.png") == 0
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape == (366, 6 * 264, 3)
    orange = (np.abs(sheet.astype(int) - ORANGE).max(axis=2) < 8).reshape(366, 6, 264).sum(axis=(0, 2))
    assert orange[0] == 0  # no frame within the query
    assert (orange[1:] > 500).all()
    query = sheet[40:280, :264].astype(int)
    assert (query[:, :, 2] - query[:, :, 0] > 60).sum() > 1000  # the red square is red, not blue


def test_a_tile_shows_the_images_that_matched_however_many_a_case_has():
    assert places_shown(4, [3]) == [0, 1, 2, 3]
    assert places_shown(5, []) == [0, 1, 2]
    assert places_shown(64, [1]) == [0, 1, 2]
    assert places_shown(64, [63]) == [0, 1, 63]
    assert places_shown(64, [9, 9, 40, 9, 12, 50]) == [9, 12, 40]


def test_cases_of_eight_images_get_a_sheet_and_a_tile_without_pixels_stays_blank(bags, tmp_path, capsys):
    shutil.copytree(bags.root / "release", tmp_path / "release")
    assert (
        main(
            [
                *(str(bags.root / f"{row}.png") for row in range(8)),
                "--root",
                str(tmp_path),
                "--k",
                "2",
                "--release",
                str(tmp_path / "release"),
                "--params",
                str(bags.root / "params.yaml"),
            ]
        )
        == 0
    )
    sheet = cv2.imread(str(tmp_path / "reports" / "query.png"))
    assert sheet.shape == (366, 3 * 264, 3)
    assert np.ptp(sheet[60:100, 264 + 40 : 264 + 80].astype(int)) == 0
    assert np.ptp(sheet[60:100, 40:80].astype(int)) > 0


def test_where_images_are_cut_the_answer_speaks_of_parts(bags, tmp_path, capsys):
    from medhash.releases.searcher.answer_text import format_answer

    shutil.copytree(bags.root / "release", tmp_path / "release")
    path = tmp_path / "release" / "release.json"
    document = json.loads(path.read_text())
    document["preprocessing"] |= {"grid": 2, "prepared": Preparation(16, 10**6, 3, 2).key()}
    path.write_text(json.dumps(document))
    reply = LoadedRelease(tmp_path / "release").answer([bags.root / "64.png", bags.root / "65.png"], 2)
    assert reply.case.image_of.tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    assert sum(reply.attention.values()) == pytest.approx(1)  # of images: their parts together
    text = format_answer(reply)
    assert "asked with 2 images as one case" in text
    assert "distance  parts   labels" in text
    assert len(re.findall("      a part of image [12] of the query ~ part [0-9a-f]{16}, ", text)) == 2


def test_a_release_without_codes_of_single_images_tells_no_match(bags, tmp_path, capsys):
    workspace = run_of_bags(tmp_path / "run", instances=False)
    build_release(workspace, load_params(workspace.root / "params.yaml"), "dmih-attention", workspace.root / "release")
    for row in CASE:
        shutil.copy(bags.root / f"{row}.png", workspace.root)
    assert ask(workspace, "--k", 3) == 0
    output = capsys.readouterr().out
    assert "images  labels" in output
    assert "~" not in output
    found = LoadedRelease(workspace.root / "release").answer(content(bags, *CASE), 3).neighbours
    assert [neighbour.as_json().keys() for neighbour in found] == [{"bag_id", "distance", "labels"}] * 3
