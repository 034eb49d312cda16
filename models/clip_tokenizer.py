"""A small byte-pair encoding of CLIP's kind: byte alphabet, `</w>` ends a word, learned merges.

Written as `vocab.json` + `merges.txt` + `tokenizer_config.json`, as Stable Diffusion 1.x ships it.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

START, END = "<|startoftext|>", "<|endoftext|>"


def byte_alphabet() -> list[str]:
    """The 256 printable stand-ins for bytes, in GPT-2's order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(others))]


def learn_merges(words: list[str], count: int) -> list[tuple[str, str]]:
    """Byte-pair encoding: joins the commonest pair again and again; ties go to the first in order."""
    spelled = {w: (*w[:-1], w[-1] + "</w>") for w in words}
    amount = Counter(words)
    merges = []
    while len(merges) < count:
        pairs = Counter()
        for word, parts in spelled.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += amount[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelled = {w: join(parts, best) for w, parts in spelled.items()}
    return merges


def join(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """`parts` with every neighbouring `pair` made one."""
    out = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return tuple(out)


def write_clip_tokenizer(folder: Path, words: list[str], merges: int, length: int) -> int:
    """Writes the files and returns the size of the vocabulary."""
    learned = learn_merges(words, merges)
    alphabet = byte_alphabet()
    tokens = alphabet + [c + "</w>" for c in alphabet] + ["".join(m) for m in learned] + [START, END]
    vocab = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=True) + "\n")
    lines = ["#version: 0.2", *(" ".join(m) for m in learned)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    special = {"__type": "AddedToken", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    config = {
        "add_prefix_space": False,
        "bos_token": {**special, "content": START},
        "eos_token": {**special, "content": END},
        "pad_token": END,
        "unk_token": {**special, "content": END},
        "do_lower_case": True,
        "model_max_length": length,
        "tokenizer_class": "CLIPTokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    return len(vocab)
