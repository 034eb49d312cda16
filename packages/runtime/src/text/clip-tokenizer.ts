// A CLIP tokenizer given as vocab.json and merges.txt, as the tokenizer.json that means the same.
// Follows transformers 5.23, models/clip/tokenization_clip.py, and its reading of special tokens.

import type {
  AddedTokenJson,
  TokenizerConfig,
  TokenizerJson,
} from "./tokenizer-json.js";

const PIECES = String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;

/**
 * Builds what `CLIPTokenizer` builds from the same files: byte-level BPE on lower-case text in NFC with white
 * space made single, between a start and an end token.
 * @param vocab token → id
 * @param merges text of merges.txt, one pair a line, the first line a version comment
 * @param config tokenizer_config.json, with special_tokens_map.json merged in where it counts
 */
export function clipTokenizerJson(
  vocab: Readonly<Record<string, number>>,
  merges: string,
  config: TokenizerConfig,
): TokenizerJson {
  const end = "<|endoftext|>";
  const named: [string, AddedTokenJson][] = [
    ["bos_token", token(config.bos_token ?? "<|startoftext|>")],
    ["eos_token", token(config.eos_token ?? end)],
    ["unk_token", token(config.unk_token ?? end)],
    ["pad_token", token(config.pad_token ?? end)],
  ];
  const contentOf = (name: string) =>
    named.find(([key]) => key === name)?.[1].content ?? end;

  const byContent = new Map<string, AddedTokenJson>();
  for (const [, entry] of named) byContent.set(entry.content, entry);
  for (const entry of Object.values(config.added_tokens_decoder ?? {}))
    byContent.set(entry.content, entry);
  let nextId = Math.max(-1, ...Object.values(vocab)) + 1;
  const idOf = new Map<string, number>();
  const addedTokens = [...byContent.values()].map((entry) => {
    const id = vocab[entry.content] ?? nextId++;
    idOf.set(entry.content, id);
    return { ...entry, id };
  });

  const [start, stop] = [contentOf("bos_token"), contentOf("eos_token")];
  return {
    added_tokens: addedTokens,
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: String.raw`\s+` }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: { Regex: PIECES },
          behavior: "Removed",
          invert: true,
        },
        { type: "ByteLevel", add_prefix_space: false, use_regex: true },
      ],
    },
    post_processor: {
      type: "RobertaProcessing",
      cls: [start, idOf.get(start) ?? 0],
      sep: [stop, idOf.get(stop) ?? 0],
    },
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      unk_token: contentOf("unk_token"),
      end_of_word_suffix: "</w>",
      fuse_unk: false,
      vocab,
      merges: merges
        .split(/\r?\n/)
        .filter(
          (line, index) =>
            line.trim() !== "" && !(index === 0 && line.startsWith("#version")),
        )
        .map((line) => line.split(" ", 2)),
    },
  };
}

/** A special token written as text is matched before the text is normalised, as transformers does it. */
function token(value: string | AddedTokenJson): AddedTokenJson {
  return typeof value === "string"
    ? { content: value, special: true, normalized: false }
    : { ...value, special: true };
}
