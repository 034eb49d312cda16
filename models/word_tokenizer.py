"""Writes a tokenizer of whole words: `[a-z]+` of the lower-case text, a start, an end, padding."""

from __future__ import annotations

import json
from pathlib import Path

SPECIAL = {"[PAD]": 0, "[BOS]": 1, "[EOS]": 2}
UNKNOWN = "[UNK]"


def write_word_tokenizer(folder: Path, vocab: dict[str, int], length: int) -> None:
    """Writes tokenizer.json and tokenizer_config.json.

    `vocab` maps words to ids without a gap; 0 pads, 1 starts, 2 ends, whether it names them or not. A
    word that is not in it gets the id of `[UNK]`; where `vocab` has no such entry, that is one past the
    last row of the embedding. The reader drops unknown words and tells the user.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    named = set(vocab.values()) & {0, 1, 2}
    words = dict(vocab) if named else {**SPECIAL, **vocab}
    if sorted(words.values()) != list(range(len(words))):
        raise ValueError("Cannot write the tokenizer as its ids have a gap or a double")
    words.setdefault(UNKNOWN, len(words))
    by_id = {number: word for word, number in words.items()}
    pad, start, end = by_id[0], by_id[1], by_id[2]
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[a-z]+"), "removed", invert=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, 1), (end, 2)]
    )
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(pad_id=0, pad_token=pad, length=length)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": length,
        "bos_token": start,
        "eos_token": end,
        "pad_token": pad,
        "unk_token": UNKNOWN,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
