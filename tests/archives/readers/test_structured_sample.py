"""The bundled drawings of combinations: drawn again as committed, and read as data/sets/structured.yaml says."""

import importlib.util
import sys
import tarfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from medhash.archives.readers.class_folders import read_entries
from medhash.core.params import IngestParams

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data" / "sample" / "structured"


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("make_structured", SAMPLE.parent / "make_structured.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_structured"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_structured"]


def test_the_program_draws_the_committed_pictures(program):
    with tarfile.open(SAMPLE / "images.tar") as tar:
        assert tar.getnames() == [picture.path for picture in program.pictures()]
        for picture in list(program.pictures())[::41]:
            content = np.frombuffer(tar.extractfile(picture.path).read(), np.uint8)
            committed = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
            assert (committed.shape, committed.dtype) == ((64, 64), np.uint8)
            assert np.mean(program.draw(picture) != committed) < 0.005, "another processor may round another way"


def test_every_picture_is_read_as_the_combination_its_folder_names():
    settings = yaml.safe_load((ROOT / "data" / "sets" / "structured.yaml").read_text())["ingest"]
    rows = read_entries(ROOT / settings["archive"], IngestParams.model_validate(settings)).rows
    counts = Counter(zip(rows["modality"], rows["organ"], rows["labels"], strict=True))
    assert len(counts) == 18
    assert set(counts.values()) == {32}
    assert all(
        f"{modality}-{organ}-{pathology}/" in name
        for name, modality, organ, pathology in zip(
            rows["source_name"], rows["modality"], rows["organ"], rows["labels"], strict=True
        )
    )
