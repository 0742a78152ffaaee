"""Sentences of a Markdown page, counted as a reader meets them: without code, tables, headings and pictures."""

import re

_NOT_PROSE = (
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.DOTALL | re.MULTILINE),  # fenced code
    re.compile(r"^---\n.*?\n---\n", re.DOTALL),  # front matter
)
_LINE_OF_PROSE = re.compile(r"^(?!\s*(#|\||!\[|<|\[[^\]]+\]: )|    )")
_ITEM = re.compile(r"^\s*([-*+]|\d+\.)\s+")
_ABBREVIATION = re.compile(r"\b(e\.g|i\.e|et al|vs|cf|No|Fig|Table)\.(?=\s)")
_END = re.compile(r"(?<=[.!?])[\"')*_]*\s+(?=[\"'(*_`]*[A-Z0-9`])")


def paragraphs(page: str) -> list[str]:
    """The running texts of a page: paragraphs and items of lists, each on one line, links by their text.

    An indented line of code counts as code only after an empty line, as in Markdown.
    """
    for pattern in _NOT_PROSE:
        page = pattern.sub("", page)
    texts, current, after_gap, in_item = [], [], True, False
    for line in [*page.splitlines(), ""]:
        starts_item = bool(_ITEM.match(line))
        continues = line.startswith("    ") and line.strip() and not after_gap
        if line.strip() and (starts_item or continues or (line.startswith("  ") and in_item) or _is_prose(line)):
            if starts_item and current:
                texts.append(" ".join(current))
                current = []
            current.append(_ITEM.sub("", line).strip())
            after_gap, in_item = False, in_item or starts_item
            continue
        if current:
            texts.append(" ".join(current))
        current, after_gap = [], True
        in_item = in_item and (not line.strip() or line.startswith(" "))
    return [_plain(text) for text in texts]


def sentences(page: str) -> list[str]:
    """Every sentence of a page; an item without a full stop is one."""
    return [part for text in paragraphs(page) for part in _END.split(_ABBREVIATION.sub(r"\1", text)) if _words(part)]


def lengths(page: str) -> list[int]:
    """Words per sentence."""
    return [_words(sentence) for sentence in sentences(page)]


def _is_prose(line: str) -> bool:
    return bool(_LINE_OF_PROSE.match(line))


def _plain(text: str) -> str:
    """Without marks: a link is its text, a piece of code one word."""
    text = re.sub(r"`[^`]+`", "Code", text)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("**", "")


def _words(text: str) -> int:
    return len([word for word in text.split() if re.search(r"\w", word)])
