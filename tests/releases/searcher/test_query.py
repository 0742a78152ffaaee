"""The command query on a small release: its answers, its sheet, the champion of the registry, and bad input."""

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import LABELS_OF_SETS, VOCABULARY, small_workspace, write_codes
from dicom_files import dicom

from components.index.__main__ import main as index_main
from medhash.commands.query import main
from medhash.core import tracking
from medhash.core.documents import ModelSpec, SubCode
from medhash.core.params import EvaluateParams, load_params
from medhash.hashing.codes import binarise
from medhash.hashing.model import load_model, save_model
from medhash.releases.assemble import build_release
from medhash.releases.registry import CHAMPION, Registry
from medhash.releases.release import Release
from medhash.retrieval.code_table import read_codes
from medhash.retrieval.evaluation.measure import measure
from medhash.retrieval.evaluation.tables import Tables

PARAMS = Path(__file__).parents[3] / "params.yaml"
OWN_PATIENT = f"{10_003:016x}"
"""The patient of images 12 to 15."""


def random_projection(folder):
    random = np.random.default_rng(0)
    spec = ModelSpec(
        method="lsh",
        family="shallow",
        bits=32,
        input="gist-512",
        coder="linear",
        size_px=32,
        network={},
        settings={},
        sub_codes=[SubCode(name="code", start=0, stop=32)],
        labels=VOCABULARY,
        data_digest="0" * 64,
        weights_sha256="",
    )
    save_model(
        folder,
        spec,
        {"mean": np.full(512, 0.02, np.float32), "projection": random.normal(size=(512, 32)).astype(np.float32)},
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace with a release of a random projection in the folder `release`, and image 12 as `query.png`."""
    made = small_workspace(tmp_path_factory.mktemp("query"))
    shutil.copy(PARAMS, made.root)
    random_projection(made.model("lsh"))
    model, pixels = load_model(made.model("lsh")), np.load(made.pixels)
    write_codes(made, "lsh", binarise(model.relaxed_pixels(pixels)), model.digest)
    assert index_main(["--root", str(made.root), "--method", "lsh"]) == 0
    metrics, _ = measure(read_codes(made.codes("lsh")), Tables.read(made), EvaluateParams(bootstrap_samples=5), seed=0)
    metrics.write(made.metrics("lsh") / "metrics.json")
    build_release(made, load_params(PARAMS), "lsh", made.root / "release")
    cv2.imwrite(str(made.root / "query.png"), pixels[12, 0])
    return made


def ask(workspace, *options, image="query.png"):
    return main([str(workspace.root / image), "--root", str(workspace.root), *map(str, options)])


def ask_release(workspace, *options, **image):
    return ask(workspace, "--release", workspace.root / "release", *options, **image)


def neighbours(output):
    """(image number, distance, labels) of each line of the answer."""
    lines = re.findall(r"^\d+ +([0-9a-f]{16}) +(\d+) bits? +(.*)$", output, flags=re.MULTILINE)
    return [(int(image_id, 16), int(distance), labels) for image_id, distance, labels in lines]


def test_an_image_of_the_gallery_finds_itself_first_with_its_labels(workspace, capsys):
    assert ask_release(workspace, "--k", 7) == 0
    output = capsys.readouterr().out
    found = neighbours(output)
    assert found[0] == (12, 0, VOCABULARY[LABELS_OF_SETS[0][0]])
    assert len(found) == 7
    assert found == sorted(found, key=lambda neighbour: (neighbour[1], neighbour[0]))
    for number, _, labels in found:
        assert labels == ", ".join(VOCABULARY[label] for label in LABELS_OF_SETS[number % 4])
    assert re.search(r"ms: decode [\d.]+, encode [\d.]+, search [\d.]+", output)


def test_a_dicom_file_of_the_same_picture_gets_the_same_answer_and_its_header_is_not_shown(workspace, capsys):
    ask_release(workspace, "--k", 7)
    expected = neighbours(capsys.readouterr().out)
    data = dicom(np.load(workspace.pixels)[12, 0], PatientName="Poe^Edgar", PatientID="Poe")
    (workspace.root / "query.dcm").write_bytes(data)
    assert ask_release(workspace, "--k", 7, image="query.dcm") == 0
    output = capsys.readouterr()
    assert neighbours(output.out) == expected
    (workspace.root / "query.dcm").write_bytes(data[:-100])
    assert ask_release(workspace, image="query.dcm") == 1
    assert "truncated" in (error := capsys.readouterr().err)
    assert "Poe" not in output.out + output.err + error


def test_the_excluded_patient_is_not_among_the_neighbours_and_as_many_are_found(workspace, capsys):
    assert ask_release(workspace, "--k", 95, "--exclude-patient", OWN_PATIENT) == 0
    output = capsys.readouterr().out
    assert {number for number, _, _ in neighbours(output)} == set(range(96)) - {12, 13, 14, 15}
    assert "no more than 92 cases" in output
    assert "contact sheet (the first 47)" in output
    assert ask_release(workspace, "--exclude-patient", "a name typed by mistake") == 0
    output = capsys.readouterr().out
    assert "note: the gallery has no image of the patient to leave out" in output
    assert "a name typed by mistake" not in output


@pytest.mark.parametrize(("k", "columns", "rows"), [(1, 2, 1), (5, 6, 1), (6, 6, 2), (48, 6, 8)])
def test_the_sheet_is_a_grid_of_the_query_and_its_neighbours_of_a_bounded_size(workspace, k, columns, rows, tmp_path):
    assert ask_release(workspace, "--k", k, "--out", tmp_path / "sheet.png") == 0
    height, width, _ = cv2.imread(str(tmp_path / "sheet.png")).shape
    assert (width, height) == (columns * 264, rows * 366)


def test_neighbours_whose_pixels_are_elsewhere_get_a_blank_tile(workspace, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(PARAMS, bare)
    sheets = {}
    for root in (workspace.root, bare):
        assert (
            main(
                [
                    str(workspace.root / "query.png"),
                    "--root",
                    str(root),
                    "--k",
                    "2",
                    "--release",
                    str(workspace.root / "release"),
                ]
            )
            == 0
        )
        sheets[root] = cv2.imread(str(root / "reports" / "query.png"))
    query, tile = slice(70, 240), slice(264 + 40, 264 + 80)  # columns of the sheet, inside a tile
    assert (sheets[bare][100:140, query] == sheets[workspace.root][100:140, query]).all()
    assert np.ptp(sheets[bare][60:100, tile]) == 0
    assert np.ptp(sheets[workspace.root][60:100, tile]) > 0


def cut_short(root):
    (root / "bad.png").write_bytes((root / "query.png").read_bytes()[:200])


def zero_bytes(root):
    (root / "bad.png").write_bytes(b"")


def some_text(root):
    (root / "bad.png").write_text("a patient's letter")


def nothing_there(root):
    (root / "bad.png").unlink(missing_ok=True)


@pytest.mark.parametrize("spoil", [cut_short, zero_bytes, some_text, nothing_there])
def test_an_unreadable_image_is_one_error_that_does_not_name_the_file(workspace, capsys, spoil):
    spoil(workspace.root)
    assert ask_release(workspace, image="bad.png") == 1
    message = capsys.readouterr().err
    assert re.match(r"error: the image cannot be (read|opened)", message)
    assert "bad.png" not in message
    assert "Traceback" not in message


def remove_labels(release):
    (release / "labels.json").unlink()


def flip_a_code(release):
    path = release / "index" / "codes.faiss"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def flip_a_weight(release):
    path = release / "model" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove_labels, "labels.json does not exist"),
        (flip_a_code, "codes.faiss is not the file that release.json"),
        (flip_a_weight, "weights.safetensors is not the file that release.json"),
        (shutil.rmtree, "not a folder"),
    ],
)
def test_a_damaged_release_does_not_answer(workspace, tmp_path, capsys, spoil, message):
    shutil.copytree(workspace.root / "release", tmp_path / "release")
    spoil(tmp_path / "release")
    assert ask(workspace, "--release", tmp_path / "release") == 1
    assert message in capsys.readouterr().err


def test_fewer_than_one_neighbour_is_refused(workspace, capsys):
    assert ask_release(workspace, "--k", 0) == 1
    assert "--k is 0" in capsys.readouterr().err


def test_the_champion_answers_once_there_is_one(workspace, capsys, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert ask(workspace) == 1
    assert "the registered model medhash-nih has no champion yet" in capsys.readouterr().err

    client = tracking.connect(workspace)
    registry = Registry(client, "medhash-nih")
    assert ask(workspace) == 1
    assert "has no champion yet" in capsys.readouterr().err

    run = client.create_run(tracking.experiment(client, workspace, "medhash-nih"))
    folder = workspace.root / "release"
    registry.point(CHAMPION, registry.register(Release.read(folder / "release.json"), folder, run.info.run_id))
    capsys.readouterr()
    assert ask(workspace, "--k", 7) == 0
    by_champion = neighbours(capsys.readouterr().out)
    assert ask_release(workspace, "--k", 7) == 0
    assert by_champion == neighbours(capsys.readouterr().out)
