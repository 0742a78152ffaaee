"""A case of several files: its parts in order, files given twice, and what is refused."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from medhash.archives.decode import DECODER
from medhash.core.errors import MedhashError
from medhash.releases.release import Preprocessing
from medhash.releases.searcher.case import decode_case, names_of


def preprocessing(**changed) -> Preprocessing:
    return Preprocessing.model_validate(
        {
            "size_px": 8,
            "max_image_pixels": 10_000,
            "channels": 1,
            "grid": 0,
            "stain": "none",
            "decoder": DECODER,
            "prepared": "",
            **changed,
        }
    )


def png(seed: int, channels: int = 1) -> bytes:
    pixels = np.random.default_rng(seed).integers(100, 256, (16, 16, channels), dtype=np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def decoded(images: list[bytes], **changed):
    return decode_case(images, names_of(len(images)), preprocessing(**changed))


def test_files_keep_their_order_and_their_numbers_and_count_once():
    case = decoded([png(1), png(2), png(1), png(3), png(2)])
    assert case.image_of.tolist() == [1, 2, 4]
    assert case.repeated == (3, 5)
    assert case.numbers == [1, 2, 4]
    assert case.starts.tolist() == [0, 3]
    assert case.pixels.shape == (3, 1, 8, 8)
    assert (case.pixels[2] == decoded([png(3)]).pixels[0]).all()


def test_a_release_that_cuts_its_films_cuts_queries_into_parts_that_know_their_file():
    films = [png(1), png(2)]
    case = decoded(films, grid=2)
    assert case.image_of.tolist() == [1] * 4 + [2] * 4
    corner = cv2.imdecode(np.frombuffer(films[1], np.uint8), cv2.IMREAD_GRAYSCALE)[:8, 8:]  # 8 px: nothing is scaled
    assert (case.pixels[5, 0] == corner).all()


def test_colour_is_kept_where_the_release_has_it_and_grey_files_are_refused_there():
    assert decoded([png(1, 3), png(2, 3)], channels=3).pixels.shape == (2, 3, 8, 8)
    with pytest.raises(MedhashError, match="image 2 of 2 cannot be read: mixed_channels") as refused:
        decoded([png(1, 3), png(2)], channels=3)
    assert "in colour" in refused.value.fix


def test_64_images_or_parts_are_a_case_and_one_more_is_not():
    assert len(decoded([png(seed) for seed in range(64)]).pixels) == 64
    assert len(decoded([png(seed) for seed in range(16)], grid=2).pixels) == 64
    with pytest.raises(MedhashError, match="more than 64 images and parts: each is cut into up to 4") as refused:
        decoded([png(seed) for seed in range(17)], grid=2)
    assert refused.value.fix == "give fewer images of the case"
    with pytest.raises(MedhashError, match="65 images were given as one case"):
        decoded([png(0)] * 65)
    with pytest.raises(MedhashError, match="0 images were given as one case"):
        decoded([])


def test_files_are_read_one_at_a_time_and_not_beyond_the_first_that_is_bad():
    read = []

    def files() -> Iterator[bytes]:
        for number, content in enumerate((png(1), b"damaged", png(2))):
            read.append(number)
            yield content

    with pytest.raises(MedhashError, match="image 2 of 3 cannot be read: "):
        decode_case(files(), names_of(3), preprocessing())
    assert read == [0, 1]


def test_a_single_image_is_called_so():
    with pytest.raises(MedhashError, match=r"^the image cannot be read: "):
        decoded([b"damaged"])
