"""Pseudonyms are keyed, stable and separate by kind."""

import hashlib

import pytest

from medhash.archives.pseudonyms import pseudonym_key, pseudonyms
from medhash.core.errors import MedhashError


def test_a_pseudonym_is_the_hmac_of_rfc_2104_cut_to_64_bits():
    key, text = b"0123456789abcdef", b"patient\x0042"
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key.ljust(64, b"\0")) + text).digest()
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key.ljust(64, b"\0")) + inner).hexdigest()
    assert pseudonyms(key, "patient", ["42"]) == [outer[:16]]


def test_another_key_or_kind_gives_another_pseudonym():
    made = {
        (key, kind): pseudonyms(key, kind, ["42"])[0]
        for key in (b"a" * 16, b"b" * 16)
        for kind in ("image", "patient", "study")
    }
    assert len(set(made.values())) == 6


@pytest.mark.parametrize(
    ("key", "archive", "message"),
    [
        (None, "hospital", "is not set"),
        ("", "hospital", "is not set"),
        ("123456789012345", "hospital", "has 15 bytes"),
        ("short", "data/sample/nih", "has 5 bytes"),
        (None, "data/sample/../../hospital", "is not set"),
    ],
)
def test_without_a_long_enough_key_the_error_shows_how_to_make_one(key, archive, message, tmp_path, monkeypatch):
    monkeypatch.delenv("MEDHASH_PSEUDONYM_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", key)
    with pytest.raises(MedhashError, match=message) as caught:
        pseudonym_key(tmp_path / archive, tmp_path)
    assert "secrets.token_hex" in caught.value.fix


def test_the_bundled_sample_may_go_without_a_key_but_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("MEDHASH_PSEUDONYM_KEY", raising=False)
    assert len(pseudonym_key(tmp_path / "data/sample/nih", tmp_path)) >= 16
    assert "warning: MEDHASH_PSEUDONYM_KEY is not set" in capsys.readouterr().err
