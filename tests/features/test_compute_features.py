"""The features stage over a small workspace."""

from pathlib import Path

import numpy as np
import pytest
from builders import small_workspace

from components.features.__main__ import main
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.hashing.gist import gist
from medhash.retrieval.features import compute_features


@pytest.mark.parametrize(
    ("asked", "kind", "orientations"),
    [([], "gist-512", 8), (["--kind", "gist-512"], "gist-512", 8), (["--kind", "gist-1024"], "gist-1024", 16)],
)
def test_every_image_has_its_gist_in_the_row_of_its_pixels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: list[str], kind: str, orientations: int
) -> None:
    workspace = small_workspace(tmp_path, n_patients=5)
    assert main(["--root", str(tmp_path), *asked]) == 0
    features = np.load(workspace.features(kind))
    assert features.dtype == np.float32
    assert np.array_equal(features, gist(np.load(workspace.pixels), orientations))
    assert f"{kind}, 20 images computed" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["gist-512", "gist-1024", "lite0-64"])
def test_the_file_does_not_depend_on_the_number_of_processes(tmp_path: Path, kind: str) -> None:
    found = []
    for workers in (1, 2):
        workspace = with_pixels(tmp_path / str(workers), 130)
        compute_features(workspace, kind, workers)
        found.append(workspace.features(kind).read_bytes())
    assert found[0] == found[1]


def test_an_image_that_was_there_is_not_computed_again_and_one_that_left_leaves_the_cache(tmp_path: Path) -> None:
    workspace = with_pixels(tmp_path, 6)
    assert compute_features(workspace, "gist-512", 1) == 6
    whole, pixels = np.load(workspace.features("gist-512")), np.load(workspace.pixels)
    np.save(workspace.pixels, np.concatenate([255 - pixels[:1], pixels[:2:-1]]))  # one new, three in another order
    assert compute_features(workspace, "gist-512", 1) == 1
    assert np.array_equal(np.load(workspace.features("gist-512"))[1:], whole[:2:-1])
    np.save(workspace.pixels, pixels)
    assert compute_features(workspace, "gist-512", 1) == 3
    assert np.array_equal(np.load(workspace.features("gist-512")), whole)


def test_a_broken_cache_costs_time_only(tmp_path: Path) -> None:
    workspace = with_pixels(tmp_path, 4)
    compute_features(workspace, "gist-512", 1)
    whole = workspace.features("gist-512").read_bytes()
    for path in workspace.features_cache("any").parent.iterdir():
        path.write_bytes(b"not an array")
    assert compute_features(workspace, "gist-512", 1) == 4
    assert workspace.features("gist-512").read_bytes() == whole


def with_pixels(root: Path, n_images: int) -> Workspace:
    workspace = Workspace(root)
    workspace.pixels.parent.mkdir(parents=True)
    np.save(workspace.pixels, np.random.default_rng(0).integers(0, 256, (n_images, 1, 16, 16), dtype=np.uint8))
    return workspace


def test_without_pixels_the_error_says_how_to_get_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(tmp_path)]) == 1
    assert "metadata_only: false" in capsys.readouterr().err
    workspace = with_pixels(tmp_path / "empty", 0)
    with pytest.raises(MedhashError, match="holds no image"):
        compute_features(workspace, "gist-512", 1)
    assert not workspace.features("gist-512").exists()
