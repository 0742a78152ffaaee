"""The pool: the same answers on several cores, and never more under way than its bound."""

import os
import signal

import numpy as np
import pytest
from small_files import png as small_png

from components.ingest import pool
from components.ingest.pool import Wanted, decode_all
from medhash.archives.decode import Decoded
from medhash.archives.integrity import Unreadable
from medhash.archives.preparation import Preparation
from medhash.core.errors import MedhashError

PREPARATION = Preparation(16, 10_000)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(pool, "ALONE_BYTES", 0)


def test_two_processes_give_the_answers_of_one_in_order_and_pull_only_a_few_ahead():
    images = [(Wanted(str(number)), small_png(number) if number % 5 else b"no image") for number in range(40)]
    pulled = []

    def pulling():
        for image in images:
            pulled.append(image)
            yield image

    alone = list(decode_all(images, PREPARATION, 1))
    together = []
    for answer in decode_all(pulling(), PREPARATION, 2):
        together.append(answer)
        assert len(pulled) - len(together) < 8
    assert [key for key, _ in together] == [key for key, _ in images]
    for (_, one), (_, other) in zip(alone, together, strict=True):
        if isinstance(one, Decoded):
            assert np.array_equal(one.pixels, other.pixels)
        else:
            assert isinstance(other, Unreadable)
            assert (other.reason, other.detail) == (one.reason, one.detail) == ("not_an_image", one.detail)


def test_a_killed_process_is_one_clear_error():
    def killing():
        for number in range(100):
            if number == 20:
                from multiprocessing import active_children

                os.kill(active_children()[0].pid, signal.SIGKILL)
            yield Wanted(str(number)), small_png(number)

    with pytest.raises(MedhashError, match="a decoding process was killed"):
        list(decode_all(killing(), PREPARATION, 2))
