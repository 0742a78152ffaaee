"""Sentences of a Markdown page, counted as a reader meets them: without code, tables, headings and pictures."""

import re

_BLOCKS = (
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE),
    re.compile(r"(?<=\n\n)( {4}.*\n)+"),  # code by indentation
)
_NO_PROSE = re.compile(r"\s*(#|\||!\[|<)")
_ITEM = re.compile(r"^\s*([-*+]|\d+\.)\s+")
_ABBREVIATION = re.compile(r"\b(e\.g|i\.e|et al|vs|cf|Fig)\.(?=\s)")
_END = re.compile(r"(?<=[.!?])[\"')*_]*\s+(?=[\"'(*_]*[A-Z0-9])")


def paragraphs(page: str) -> list[str]:
    """The running texts of a page: paragraphs and items of lists, each on one line."""
    for block in _BLOCKS:
        page = block.sub("", page)
    texts = [""]
    for line in page.splitlines():
        if not line.strip() or _NO_PROSE.match(line) or _ITEM.match(line):
            texts.append("")
        if not _NO_PROSE.match(line):
            texts[-1] += _ITEM.sub("", line, count=1).strip() + " "
    return [_plain(text) for text in texts if text.strip()]


def sentences(page: str) -> list[str]:
    """Every sentence of a page; an item without a full stop is one."""
    return [part for text in paragraphs(page) for part in _END.split(_ABBREVIATION.sub(r"\1", text)) if words(part)]


def lengths(page: str) -> list[int]:
    """Words per sentence."""
    return [words(sentence) for sentence in sentences(page)]


def words(text: str) -> int:
    return len([word for word in text.split() if re.search(r"\w", word)])


def _plain(text: str) -> str:
    """Without marks: a link is its text, a piece of code one word."""
    text = re.sub(r"`[^`]+`", "Code", text)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("**", "")
