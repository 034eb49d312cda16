"""Words and their numbers. Tokens are ``[a-z]+``  the lower-cased text, between a start and an end token."""

from __future__ import annotations

import re

MAX_TOKENS = 40
PAD, START, END, UNKNOWN = 0, 1, 2, 3
SPECIAL = {"[PAD]": PAD, "[BOS]": START, "[EOS]": END, "[UNK]": UNKNOWN}

_WORDS = """
a an and at autumn balloon beach behind big black blue boat boats brown by cactus cactuses car cars castle
castles city clouds dawn day desert duck ducks evening falling far field flower flowers forest grass green hills
house houses hot air in is island islands lake left lighthouse lighthouses lights little meadow middle moon morning
mountains mushroom mushrooms night northern ocean on orange over palm penguin penguins pine pink purple rain
rainbow red right roof roofs sail sails sand scarf scarves sea sheep ship ships skyline sky small snow snowman
snowmen stars starry sun sunny sunrise sunset tent tents the there three tiny tree trees two under water large white
windmill windmills winter with yellow
"""
#: Word → token number, special tokens included.
VOCABULARY: dict[str, int] = SPECIAL | {word: i + len(SPECIAL) for i, word in enumerate(sorted(set(_WORDS.split())))}


def tokenize(text: str) -> list[str]:
    """The words of a text, known or not."""
    return re.findall(r"[a-z]+", text.lower())


def encode(words: list[str], vocabulary: dict[str, int] = VOCABULARY) -> list[int]:
    """``MAX_TOKENS`` token numbers: start, words (unknown ones as [UNK]; cut at the limit), end, padding."""
    tokens = [START] + [vocabulary.get(word, UNKNOWN) for word in words][: MAX_TOKENS - 2] + [END]
    return tokens + [PAD] * (MAX_TOKENS - len(tokens))
