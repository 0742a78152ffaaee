"""Many byte strings sought at once in blocks of bytes."""

import numpy as np

_WORD = 8
_HEX = frozenset(b"0123456789abcdef")
_PLAIN = 6
SHORTEST = 2 * _WORD - 1
"""Bytes a needle must have: then it holds a whole word wherever it begins."""


class Needles:
    """Byte strings to look for, each with a word on what it is.

    Wherever a needle of 15 bytes or more begins, it covers a word of 8 bytes that is aligned in the block. So a block
    is looked at as words once, and only where a word is one of the needles' own are the bytes compared.
    A needle of fewer than six different bytes, such as 0000000000000001, which no keyed digest gives, must stand alone:
    it is inside many a longer number.
    """

    def __init__(self, needles: dict[bytes, str]) -> None:
        self.kinds = {needle: kind for needle, kind in needles.items() if len(needle) >= SHORTEST}
        self.plain = frozenset(needle for needle in self.kinds if len(set(needle)) < _PLAIN)
        self.longest = max(map(len, self.kinds), default=0)
        owners = [
            (np.frombuffer(needle[at : at + _WORD], np.uint64)[0], at, needle)
            for needle in self.kinds
            for at in range(_WORD)
        ]
        owners.sort(key=lambda owner: owner[0])
        self._owners = owners
        self._words = np.array([owner[0] for owner in owners], np.uint64)
        self._starts = np.zeros(1 << 16, dtype=bool)
        self._starts[(self._words & np.uint64(0xFFFF)).astype(np.int64)] = True

    def __len__(self) -> int:
        return len(self.kinds)

    def in_block(self, block: bytes | memoryview) -> set[bytes]:
        """The needles that stand in the block."""
        data = bytes(block)
        if not self.kinds or len(data) < SHORTEST:
            return set()
        words = np.frombuffer(data, np.uint64, len(data) // _WORD)
        places = np.flatnonzero(self._starts[words.view(np.uint16)[::4]])
        first = np.searchsorted(self._words, words[places])
        first[first == len(self._words)] = 0
        found: set[bytes] = set()
        for place, number in zip(
            places[self._words[first] == words[places]].tolist(),
            first[self._words[first] == words[places]].tolist(),
            strict=True,
        ):
            word = self._owners[number][0]
            while number < len(self._owners) and self._owners[number][0] == word:
                _, at, needle = self._owners[number]
                start = place * _WORD - at
                end = start + len(needle)
                if (
                    start >= 0
                    and data[start:end] == needle
                    and (
                        needle not in self.plain
                        or _HEX.isdisjoint(data[max(start - 1, 0) : start] + data[end : end + 1])
                    )
                ):
                    found.add(needle)
                number += 1
        return found
