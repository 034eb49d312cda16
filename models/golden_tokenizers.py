"""Golden values for packages/runtime/test/text/tokenizer.test.ts.

    python models/golden_tokenizers.py

Trains a small byte-level BPE vocabulary on the captions below, writes it in the layouts that a model
folder may have, and records the token ids that transformers gives for texts that are easy to get wrong.
"""

import json
import shutil
from pathlib import Path

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE, WordLevel
from transformers import CLIPTokenizer, PreTrainedTokenizerFast

OUT = Path(__file__).parent.parent / "packages/runtime/test/golden/tokenizers"
BOS, EOS = "<|startoftext|>", "<|endoftext|>"

SUBJECTS = "house boat tree castle fox whale lighthouse mountain river robot cat dog bridge garden".split()
COLOURS = "red blue green yellow orange purple white black golden silver".split()
PLACES = "on a hill,in the snow,at night,at sunset,under the stars,by the sea,on the left".split(",")
CAPTIONS = [
    f"a photo of a {colour} {subject} {place}, it's {2 * i + j} o'clock and we don't know"
    for i, colour in enumerate(COLOURS)
    for j, subject in enumerate(SUBJECTS)
    for place in PLACES
]

TEXTS = {
    "plain": "a red boat at sunset",
    "empty": "",
    "only spaces": "   \t \n ",
    "upper case": "A Red BOAT At SUNSET",
    "punctuation": "a house, a tree; (a fox!) -- what?! #1 'quoted' \"double\" a/b\\c _under_",
    "apostrophes": "don't we'll I'd they've it's 'sOLO rock'n'roll dogs' DON'T IT'S",
    "curly apostrophe": "don\u2019t it\u2019s",
    "numbers": "2024 cats, 3.14 dogs and 1,000,000 boats at 07:45",
    "other numbers": "\u00bd \u00b2 \u2167 \u0663\u0664 \u4e09 \u2460",
    "extra spaces": "  a   red     boat  ",
    "newlines": "a red\nboat\r\n\r\nat\tsunset\u000b!",
    "other white space": "a\u00a0red\u2003boat\u3000at\u0085sunset\u2028now",
    "white space to some": "a\ufeffred\u200bboat\u180eat\u001csunset",
    "composed": "caf\u00e9 na\u00efve \u00c5ngstr\u00f6m",
    "decomposed": "cafe\u0301 nai\u0308ve A\u030angstro\u0308m",
    "no compatibility forms": "\ufb01sh \uff21\uff22 \u2122",
    "lower case by language": "\u039f\u0394\u039f\u03a3 \u03a3 \u0130stanbul STRASSE \u1e9e \u01c5",
    "other scripts": "\u043a\u0440\u0430\u0441\u043d\u0430\u044f \u043b\u043e\u0434\u043a\u0430 \u7d05\u8239 \u0642\u0627\u0631\u0628 \u0928\u093e\u0935 \u0e40\u0e23\u0e37\u0e2d",
    "emoji": "a \U0001f98a in the \u2744\ufe0f \U0001f469\u200d\U0001f393\U0001f1eb\U0001f1f7!!",
    "special tokens in the text": f"a red {EOS} boat{BOS}x",
    "special tokens in capitals": "a <|ENDOFTEXT|> b",
    "almost special tokens": "a <|endoftext| > <endoftext>",
    "markup": "<b>red</b> & (boat:1.2) [tree] {x} a|b",
    "exactly full": " ".join(["red"] * 22),
    "one too many": " ".join(["red"] * 23),
    "long": ", ".join(CAPTIONS[:6]),
    "one long word": "lighthouse" * 20,
}


def write(path: Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(value, list):
        value = "[\n" + ",\n".join(json.dumps(entry) for entry in value) + "\n]\n"
    path.write_text(value if isinstance(value, str) else json.dumps(value) + "\n")


def train_bpe() -> tuple[dict[str, int], list[str]]:
    tokenizer = Tokenizer(BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"'s|'t|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(vocab_size=460, end_of_word_suffix="</w>", show_progress=False)
    tokenizer.train_from_iterator(CAPTIONS, trainer)
    merges = [" ".join(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = alphabet + [token + "</w>" for token in alphabet]
    tokens += [merge.replace(" ", "") for merge in merges]
    tokens = list(dict.fromkeys(tokens)) + [BOS, EOS]
    return {token: index for index, token in enumerate(tokens)}, merges


def added(content: str, normalized: bool) -> dict:
    return {"content": content, "lstrip": False, "normalized": normalized, "rstrip": False, "single_word": False}


def record(folder: Path, tokenizer) -> None:
    length = tokenizer.model_max_length
    golden = []
    for name, text in TEXTS.items():
        ids = tokenizer(text, padding="max_length", max_length=length, truncation=True).input_ids
        whole = tokenizer(text, truncation=False).input_ids
        golden.append({"name": name, "text": text, "ids": ids, "truncated": max(0, len(whole) - length)})
    write(folder / "golden.json", golden)


def clip_folders() -> None:
    vocab, merges = train_bpe()
    merges_txt = "#version: 0.2\n" + "\n".join(merges) + "\n"

    # As Stable Diffusion 1.x has it: special tokens as dictionaries, padded with the end token.
    one = OUT / "clip"
    write(one / "vocab.json", vocab)
    write(one / "merges.txt", merges_txt)
    special = {"bos_token": added(BOS, True), "eos_token": added(EOS, True), "unk_token": added(EOS, True)}
    config = {name: {"__type": "AddedToken", **token} for name, token in special.items()}
    config |= {"model_max_length": 24, "pad_token": EOS, "do_lower_case": True, "tokenizer_class": "CLIPTokenizer"}
    write(one / "tokenizer_config.json", config)
    write(one / "special_tokens_map.json", special | {"pad_token": EOS})
    record(one, CLIPTokenizer.from_pretrained(one))

    # As the second tokenizer of SDXL: padded with "!", special tokens by id; the map contradicts and is not read.
    two = OUT / "clip-padded"
    write(two / "vocab.json", vocab)
    write(two / "merges.txt", merges_txt)
    decoder = {
        str(vocab["!"]): added("!", False) | {"special": True},
        str(vocab[BOS]): added(BOS, False) | {"special": True},
        str(vocab[EOS]): added(EOS, True) | {"special": True},
    }
    config = {"bos_token": BOS, "eos_token": EOS, "unk_token": EOS, "pad_token": "!", "model_max_length": 20}
    write(two / "tokenizer_config.json", config | {"added_tokens_decoder": decoder})
    write(two / "special_tokens_map.json", {"pad_token": EOS})
    record(two, CLIPTokenizer.from_pretrained(two))

    # A vocabulary that lacks most bytes, with no configuration but the map: the map's tokens, the default length.
    three = OUT / "clip-few-bytes"
    known = set("abcdefghijklmnopqrstuvwxyz0123456789',.!")
    few = [token for token in vocab if len(token.replace("</w>", "")) > 1 or token.replace("</w>", "") in known]
    write(three / "vocab.json", {token: index for index, token in enumerate([*few, "<unk>"])})
    write(three / "merges.txt", merges_txt)
    write(three / "special_tokens_map.json", {"bos_token": BOS, "eos_token": EOS, "unk_token": "<unk>"})
    tokenizer = CLIPTokenizer.from_pretrained(three)
    tokenizer.model_max_length = 77
    record(three, tokenizer)

    # The same as the first, as one tokenizer.json.
    four = OUT / "clip-json"
    CLIPTokenizer.from_pretrained(one).save_pretrained(four)
    record(four, CLIPTokenizer.from_pretrained(one))


def word_folders() -> None:
    words = sorted({word for caption in CAPTIONS for word in caption.replace(",", "").split() if word.isalpha()})
    words += ["\u03bf\u03b4\u03bf\u03c3", "caf\u00e9"]
    vocab = {token: index for index, token in enumerate(["[PAD]", "[BOS]", "[EOS]", *words, "[UNK]"])}
    tokenizer = Tokenizer(WordLevel(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    template = {"single": "[BOS] $A [EOS]", "special_tokens": [("[BOS]", 1), ("[EOS]", 2)]}
    tokenizer.post_processor = processors.TemplateProcessing(**template)
    for name, pre_tokenizer in {
        "words": pre_tokenizers.Split(Regex("[a-z]+"), "removed", invert=True),
        "words-and-punctuation": pre_tokenizers.Whitespace(),
    }.items():
        tokenizer.pre_tokenizer = pre_tokenizer
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            model_max_length=24,
            bos_token="[BOS]",
            eos_token="[EOS]",
            pad_token="[PAD]",
            unk_token="[UNK]",
        )
        fast.save_pretrained(OUT / name)
        record(OUT / name, fast)

    # Unknown words dropped before anything is cut: what is left of the plain list of words.
    dropped = OUT / "words-dropped"
    shutil.copytree(OUT / "words", dropped)
    config = json.loads((dropped / "tokenizer_config.json").read_text())
    write(dropped / "tokenizer_config.json", config | {"drop_unknown": True})
    fast = PreTrainedTokenizerFast.from_pretrained(OUT / "words")
    golden = []
    for name, text in TEXTS.items():
        every = fast(text, add_special_tokens=False).input_ids
        ids = [id for id in every if id != vocab["[UNK]"]]
        kept = [1, *ids[:22], 2]
        kept += [0] * (24 - len(kept))
        golden.append({"name": name, "text": text, "ids": kept, "truncated": max(0, len(ids) - 22)})
    write(dropped / "golden.json", golden)


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    clip_folders()
    word_folders()
    for file in sorted(OUT.rglob("*.json")):
        print(file.relative_to(OUT), file.stat().st_size)
