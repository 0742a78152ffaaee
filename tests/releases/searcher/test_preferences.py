"""Asking a structured release by preference: the command and the registered model against the code table alone."""

import json
import re
import shutil
import threading
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from structured_release import METHOD, WIDTHS, structured_release

from medhash.commands.query import main
from medhash.core.contracts import IMAGES, codes_schema, read_table, write_table
from medhash.core.documents import Vocabulary
from medhash.core.errors import MedhashError
from medhash.hashing.model import load_model
from medhash.releases import logged_model
from medhash.releases.release import LabelSets
from medhash.releases.searcher.answer_text import format_answer
from medhash.releases.searcher.loaded import LoadedRelease
from medhash.retrieval.code_table import read_codes
from medhash.retrieval.preference import parse_preference

ROW = 10
"""The image that asks; the gallery holds it."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return structured_release(tmp_path_factory.mktemp("structured"))


@pytest.fixture(scope="module")
def release(workspace):
    return LoadedRelease(workspace.root / "release")


@pytest.fixture(scope="module")
def gallery(workspace):
    """Case → distances by sub-code from the image that asks, values, and least of its greatest memberships."""
    images = {row["bag_id"]: row for row in read_table(workspace.images, IMAGES).to_pylist()}
    table = read_codes(workspace.codes(METHOD)).to_pylist()
    bits = {row["bag_id"]: "".join(f"{byte:08b}" for byte in row["code"]) for row in table}
    own, known = bits[f"{ROW:016x}"], Vocabulary.read(workspace.vocabulary).attributes
    ends = np.cumsum([len(attribute.values) for attribute in known]).tolist()
    cases = {}
    for row in (row for row in table if row["fold"] != "test"):
        differ, start, by_part = [a != b for a, b in zip(own, bits[row["bag_id"]], strict=True)], 0, {}
        for name, width in WIDTHS.items():
            by_part[name], start = sum(differ[start : start + width]), start + width
        image = images[row["bag_id"]]
        greatest = {
            attribute.name: max(row["membership"][end - len(attribute.values) : end])
            for attribute, end in zip(known, ends, strict=True)
        }
        cases[row["bag_id"]] = (
            by_part,
            {
                "modality": [image["modality"]],
                "organ": [image["organ"]],
                "pathology": [label["label"] for label in image["labels"]],
            },
            greatest,
        )
    return cases


@pytest.fixture
def told(workspace, release):
    """(what `parse_preference` takes, a patient to leave out) → the answer's text, all cases in it."""

    def tell(exclude_patient=None, **texts):
        return format_answer(
            release.answer(workspace.root / f"{ROW}.png", 60, exclude_patient, parse_preference(**texts))
        )

    return tell


def ask(workspace, *options):
    return main(
        [
            str(workspace.root / f"{ROW}.png"),
            "--root",
            str(workspace.root),
            "--release",
            str(workspace.root / "release"),
            *options,
        ]
    )


def lines(output):
    """(bag_id, whole distance, distances by sub-code, confidence, whether it is marked) of every neighbour."""
    found = re.findall(r"^\d+ +([0-9a-f]{16})  (\d+) bits? +(\d+) +(\d+) +(\d+) +([\d.]+)( \?)? ", output, re.MULTILINE)
    return [
        (bag_id, int(whole), tuple(map(int, parts)), float(confidence), bool(mark))
        for bag_id, whole, *parts, confidence, mark in found
    ]


def in_order(gallery, key):
    return sorted(gallery, key=lambda bag_id: (key(gallery[bag_id][0]), bag_id))


@pytest.mark.parametrize(
    ("prefer", "weights", "key"),
    [
        ("", "", lambda d: sum(d.values())),
        ("organ,pathology", "", lambda d: (d["organ"], d["pathology"], d["modality"])),
        ("pathology", "", lambda d: (d["pathology"], d["modality"] + d["organ"])),
        ("organ", "modality=0", lambda d: (d["organ"], d["pathology"])),
        ("", "organ=2,pathology=1.5", lambda d: 2 * d["modality"] + 4 * d["organ"] + 3 * d["pathology"]),
        ("", "modality=0,organ=0", lambda d: d["pathology"]),
    ],
)
def test_cases_come_in_the_order_of_a_sort_of_the_code_table(told, gallery, prefer, weights, key):
    found = lines(told(prefer=prefer, weights=weights))
    assert [bag_id for bag_id, *_ in found] == in_order(gallery, key)
    for bag_id, whole, by_part, confidence, mark in found:
        distances, _, greatest = gallery[bag_id]
        assert by_part == tuple(distances.values())
        assert whole == sum(by_part)
        of_these = [value for name, value in greatest.items() if not prefer or name in prefer.split(",")]
        assert confidence == pytest.approx(min(of_these), abs=0.006)
        assert not mark


def test_only_cases_with_the_required_values_answer_and_fewer_than_k_are_told(workspace, gallery, capsys):
    assert (
        ask(
            workspace,
            "--require",
            "modality=xray,organ=breast",
            "--require",
            "pathology=cyst",
            "--prefer",
            "organ",
            "--weights",
            "modality=1.5",
        )
        == 0
    )
    output = capsys.readouterr().out
    fit = {
        bag_id
        for bag_id, (_, values, _) in gallery.items()
        if values == {"modality": ["xray"], "organ": ["breast"], "pathology": ["cyst"]}
    }
    assert 0 < len(fit) < 5
    assert {bag_id for bag_id, *_ in lines(output)} == fit
    assert "nearest by organ, then the rest (modality × 1.5)" in output
    assert "only cases with modality xray, organ breast, pathology cyst" in output
    assert f"the gallery has no more than {len(fit)} cases that fit" in output
    assert ask(workspace, "--require", "organ=breast,pathology=glioma") == 0
    assert "no more than 0 cases that fit" in capsys.readouterr().out


def test_the_excluded_patient_is_left_out_of_a_search_by_preference_too(told, gallery):
    own = f"{ROW:016x}"  # of patients of one image each
    found = [bag_id for bag_id, *_ in lines(told(own, prefer="organ"))]
    assert own in gallery
    assert found == [
        bag_id for bag_id in in_order(gallery, lambda d: (d["organ"], d["modality"] + d["pathology"])) if bag_id != own
    ]


@pytest.mark.parametrize("prefer", ["", "organ", "organ,modality"])
def test_cases_below_the_least_confidence_are_marked_or_left_out(told, gallery, prefer):
    counted = {
        bag_id: min(value for name, value in greatest.items() if not prefer or name in prefer.split(","))
        for bag_id, (_, _, greatest) in gallery.items()
    }
    least = sorted(counted.values())[len(counted) // 2]  # stored in float32: at least itself
    below = {bag_id for bag_id in counted if counted[bag_id] < least}
    found = lines(told(prefer=prefer, min_confidence=f"{least:.9f}"))
    assert {bag_id for bag_id, *_, mark in found if mark} == below
    assert len(found) == len(gallery)
    left = lines(told(prefer=prefer, min_confidence=f"{least:.9f}", below="leave-out"))
    assert left == [line for line in found if line[0] not in below]


def test_the_query_s_own_memberships_are_the_model_s(workspace, release, told):
    output = told(min_confidence="1")
    pixels = np.load(workspace.pixels)[[ROW]]
    own = load_model(workspace.model(METHOD)).certainty(pixels, np.array([0, 1])).membership[0]
    known = release.memberships(release.case([(workspace.root / f"{ROW}.png").read_bytes()]))
    assert [value for of_values in known.values() for value in of_values.values()] == own.tolist()
    for attribute, of_values in known.items():
        assert sum(of_values.values()) == pytest.approx(1, abs=1e-5)
        value = max(of_values, key=lambda value: of_values[value])
        assert f"the query's {attribute}: {value} {of_values[value]:.2f}" in output
    assert "note: the query itself is of less confidence: 0." in output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prefer", "orgn"], "there is no sub-code 'orgn'\n  fix: did you mean organ?"),
        (["--prefer", "organ,organ"], "organ is preferred twice"),
        (["--weights", "organ=-2"], "the weight of organ is -2"),
        (["--weights", "modality=0,organ=0,pathology=0"], "every sub-code weighs 0"),
        (["--require", "organs=chest"], "there is no attribute 'organs'\n  fix: did you mean organ?"),
        (
            ["--require", "organ=brest"],
            "there is no organ 'brest'\n  fix: did you mean breast? there are brain, breast",
        ),
        (["--below", "flag"], "there is no least confidence"),
        (["--min-confidence", "70"], "min-confidence is '70'"),
    ],
)
def test_what_cannot_be_meant_is_one_error_that_names_what_there_is(workspace, capsys, options, message):
    assert ask(workspace, *options) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_release_without_attributes_or_memberships_says_so_and_tells_no_keys_that_it_has_not(workspace, tmp_path):
    shutil.copytree(workspace.root / "release", tmp_path / "release")
    labels = LabelSets.read(tmp_path / "release" / "labels.json")
    (tmp_path / "release" / "labels.json").write_text(json.dumps({"sets": labels.sets}))  # as it was once
    path = tmp_path / "release" / "codes.parquet"
    codes = read_codes(path)
    write_table(
        path,
        codes.select(["bag_id", "fold", "code", "instances"]),
        codes_schema(24),
        {key.decode(): value.decode() for key, value in codes.schema.metadata.items()},
    )
    old = LoadedRelease(tmp_path / "release")
    image = [(workspace.root / f"{ROW}.png").read_bytes()]
    found = old.answer(image, 3, preference=parse_preference(prefer="organ")).neighbours
    assert [neighbour.as_json().keys() for neighbour in found] == [{"bag_id", "distance", "labels", "by_sub_code"}] * 3
    with pytest.raises(MedhashError, match="does not say which values"):
        old.answer(image, 3, preference=parse_preference(require=["organ=chest"]))
    with pytest.raises(MedhashError, match="keeps no memberships"):
        old.answer(image, 3, preference=parse_preference(min_confidence="0.5"))


def test_the_release_says_of_every_label_set_what_its_cases_have(workspace, release, gallery):
    for position, bag_id in enumerate(release.index.bag_ids.to_pylist()):
        assert release.cases.of(position) == gallery[bag_id][1]


def test_the_sheet_has_room_for_the_lines_about_attributes(workspace, tmp_path):
    assert ask(workspace, "--k", "3", "--out", str(tmp_path / "sheet.png")) == 0
    height, width, _ = cv2.imread(str(tmp_path / "sheet.png")).shape
    assert width == 4 * 264
    assert height > 366


def test_threads_with_different_preferences_do_not_get_each_other_s_answers(workspace, release):
    image = [(workspace.root / f"{ROW}.png").read_bytes()]
    case = release.case(image)
    coded = release.coded(case)
    preferences = [
        None,
        *(parse_preference(prefer=name, min_confidence="0.5") for name in WIDTHS),
        parse_preference(weights="organ=3"),
        parse_preference(require=["organ=chest"]),
    ]
    expected = [release.found(case, coded, 20, preference=preference) for preference in preferences]
    assert len({tuple(neighbour.id for neighbour in found) for found in expected}) == len(preferences)
    wrong = []

    def ask_often(first):
        for turn in range(60):
            place = (first + turn) % len(preferences)
            if release.found(case, coded, 20, preference=preferences[place]) != expected[place]:
                wrong.append(place)

    threads = [threading.Thread(target=ask_often, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_registered_model_takes_preferences_as_texts_and_tells_what_there_is(workspace, release, tmp_path):
    import mlflow

    code = Path(logged_model.__file__).with_name("pyfunc_model.py")
    mlflow.pyfunc.save_model(
        tmp_path / "model",
        python_model=str(code),
        artifacts={"release": str(workspace.root / "release")},
        signature=logged_model.signature(),
        pip_requirements=[],
    )
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    image = (workspace.root / f"{ROW}.png").read_bytes()
    texts = {"prefer": "organ,pathology", "require": "modality=xray", "min_confidence": "0.5", "below": "flag"}
    answered = loaded.predict(pd.DataFrame({"image": [image]}), params={"k": 4} | texts)
    preference = parse_preference("organ,pathology", "", ["modality=xray"], "0.5", "flag")
    found = release.answer([image], 4, preference=preference).neighbours
    assert json.loads(answered["neighbours"][0]) == [neighbour.as_json() for neighbour in found]
    assert found[0].as_json().keys() == {
        "bag_id",
        "distance",
        "labels",
        "by_sub_code",
        "attributes",
        "confidence",
        "unsure",
    }
    assert json.loads(answered["memberships"][0]) == release.memberships(release.case([image]))
    plain = loaded.predict(pd.DataFrame({"image": [image]}))
    assert json.loads(plain["neighbours"][0]) == [
        neighbour.as_json() for neighbour in release.answer([image], 5).neighbours
    ]
    with pytest.raises(MedhashError, match="there is no sub-code 'lung'"):
        loaded.predict(pd.DataFrame({"image": [image]}), params={"prefer": "lung"})


def test_the_keywords_of_search_say_what_the_texts_of_the_command_say(workspace, release):
    path = workspace.root / f"{ROW}.png"
    for keywords, texts in (
        ({"prefer": ("organ", "pathology")}, {"prefer": "organ,pathology"}),
        ({"prefer": "organ", "weights": {"modality": 0.00001}}, {"prefer": "organ", "weights": "modality=0.00001"}),
        ({"require": {"organ": "breast"}}, {"require": ["organ=breast"]}),
        (
            {"min_confidence": 0.5, "below": "leave-out"},
            {"min_confidence": "0.5", "below": "leave-out"},
        ),
    ):
        expected = release.answer(path, 9, preference=parse_preference(**texts))
        answer = release.search(path, 9, **keywords)
        assert (answer.neighbours, answer.preference) == (expected.neighbours, expected.preference)
    with pytest.raises(MedhashError, match="the weight of organ is -2"):
        release.search(path, weights={"organ": -2})
