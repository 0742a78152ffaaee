"""The features stage over a small workspace."""

from pathlib import Path

import numpy as np
import pytest
from builders import small_workspace

from components.features.__main__ import main
from medhash.core.errors import MedhashError
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
    assert f"{kind} of 20 images" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["gist-512", "gist-1024"])
def test_the_file_does_not_depend_on_the_number_of_processes(tmp_path: Path, kind: str) -> None:
    pixels = tmp_path / "pixels.npy"
    np.save(pixels, np.random.default_rng(0).integers(0, 256, (130, 1, 16, 16), dtype=np.uint8))
    for workers in (1, 2):
        compute_features(pixels, tmp_path / f"{workers}.npy", kind, workers)
    assert (tmp_path / "1.npy").read_bytes() == (tmp_path / "2.npy").read_bytes()


def test_without_pixels_the_error_says_how_to_get_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(tmp_path)]) == 1
    assert "metadata_only: false" in capsys.readouterr().err
    np.save(tmp_path / "empty.npy", np.zeros((0, 1, 16, 16), np.uint8))
    with pytest.raises(MedhashError, match="holds no image"):
        compute_features(tmp_path / "empty.npy", tmp_path / "gist.npy", "gist-512", 1)
    assert not (tmp_path / "gist.npy").exists()
