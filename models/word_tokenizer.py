"""Writes a tokenizer of whole words: `[a-z]+` of the lower-case text, `<s> … </s>`, padded."""

from __future__ import annotations

import json
from pathlib import Path

PAD, START, END, UNKNOWN = "<pad>", "<s>", "</s>", "[UNK]"


def write_word_tokenizer(folder: Path, vocab: dict[str, int], length: int) -> None:
    """Writes tokenizer.json and tokenizer_config.json.

    `vocab` maps words to ids from 3 on; 0 pads, 1 starts, 2 ends. A word that is not in it gets the
    id of `[UNK]`, one past the last row of the embedding: the reader drops it and tells the user, and
    the encoder never sees it.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    words = {PAD: 0, START: 1, END: 2, **vocab}
    if sorted(words.values()) != list(range(len(words))):
        raise ValueError("Cannot write the tokenizer as the ids of the words must be 3, 4, 5, … without a gap")
    words[UNKNOWN] = len(words)
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[a-z]+"), "removed", invert=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, 1), (END, 2)]
    )
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(pad_id=0, pad_token=PAD, length=length)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": length,
        "bos_token": START,
        "eos_token": END,
        "pad_token": PAD,
        "unk_token": UNKNOWN,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
