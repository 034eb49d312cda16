// From a tokenizer's files to a function, by the tokenizer library. A file of its own in an app, which is
// fetched for models that read a text; so it shares no code with other files.

import { Tokenizer as TokenizersTokenizer } from "@huggingface/tokenizers";
import { clipTokenizerJson } from "./clip-tokenizer.js";
import {
  adaptTokenizerJson,
  type AddedTokenJson,
  type TokenizerConfig,
  type TokenizerJson,
} from "./tokenizer-json.js";

/** A text as a text encoder takes it. */
export interface EncodedText {
  /** Token ids, special ones included, filled up to the tokenizer's `modelMaxLength`. */
  readonly ids: readonly number[];
  /** Words of the text that the vocabulary lacks, each once, in their order. */
  readonly unknown: readonly string[];
  /** Number of tokens that were cut off as the text is too long. */
  readonly truncated: number;
}

/** Turns texts into token ids; made by `loadTokenizer`. */
export interface Tokenizer {
  /** Length of every `ids`. */
  readonly modelMaxLength: number;
  /** How many of a text's tokens fit between the special ones. */
  readonly contentLength: number;
  /** Turns a text into ids. */
  encode(text: string): EncodedText;
  /** All tokens of a text, without special ones; and its words that the vocabulary lacks. */
  tokenize(text: string): {
    readonly tokens: readonly string[];
    readonly unknown: readonly string[];
  };
  /**
   * Puts the special tokens around at most `contentLength` of a text's, and fills up.
   * @returns the ids, and the place of the text's first token among them
   */
  fill(tokens: readonly string[]): {
    readonly ids: readonly number[];
    readonly start: number;
  };
}

/** A CLIP tokenizer without a tokenizer.json. */
export interface ClipFiles {
  /** vocab.json: token → id. */
  readonly vocab: Readonly<Record<string, number>>;
  /** Text of merges.txt. */
  readonly merges: string;
}

/** What a text encoder can take. */
export interface TokenizerLimits {
  /** Length of the ids. */
  readonly maxLength: number;
  /** Ids below this have a row in the text encoder's embedding, where that is known. */
  readonly vocabSize: number;
}

/**
 * Makes a tokenizer of what its files hold.
 * @throws {RangeError} If the length leaves no room for a text, or the text is put there more than once
 * @throws {Error} If the files are no tokenizer
 */
export function createTokenizer(
  files: TokenizerJson | ClipFiles,
  config: TokenizerConfig,
  { maxLength: modelMaxLength, vocabSize }: TokenizerLimits,
): Tokenizer {
  const json =
    "model" in files
      ? files
      : clipTokenizerJson(files.vocab, files.merges, config);
  const isWordLevel = json.model.type === "WordLevel";
  const unkToken =
    (json.model["unk_token"] as string | null | undefined) ??
    contentOf(config.unk_token);
  const adapted = adaptTokenizerJson(json);
  const tokenizer = new TokenizersTokenizer(adapted, {
    unk_token: unkToken,
    eos_token: contentOf(config.eos_token),
  });
  const idOf = (token: string | undefined) =>
    token === undefined ? undefined : tokenizer.token_to_id(token);
  const unkId = idOf(unkToken);
  const padId =
    idOf(contentOf(config.pad_token)) ??
    json.padding?.pad_id ??
    idOf(contentOf(config.eos_token)) ??
    0;

  const drops =
    config.drop_unknown ?? (unkId === undefined || unkId >= vocabSize);

  /** Puts the special tokens around a text's. */
  const around = (tokens: string[]) =>
    tokenizer.post_processor?.post_process(tokens, null, true).tokens ?? tokens;
  const contentLength = modelMaxLength - around([]).length;
  if (contentLength < 1) {
    throw new RangeError(
      `its model_max_length of ${modelMaxLength} leaves no room for a text`,
    );
  }
  if (around(["a"]).length - around([]).length !== 1)
    throw new RangeError("its post-processor must put a text there once");

  const tokenize = (text: string) => {
    const all = tokenizer.tokenize(text);
    const isUnknown = (token: string) =>
      idOf(token) === undefined || token === unkToken;
    const unknown = isWordLevel
      ? all.filter(isUnknown)
      : all.includes(unkToken ?? "")
        ? unknownWords(text, unkToken ?? "", (word) => tokenizer.tokenize(word))
        : [];
    return {
      tokens: drops ? all.filter((token) => !isUnknown(token)) : all,
      unknown: [...new Set(unknown)],
    };
  };
  const before = around([" "]).indexOf(" ");
  const fill = (tokens: readonly string[]) => {
    const ids = around([...tokens]).map(
      (token) => idOf(token) ?? unkId ?? padId,
    );
    const padding = new Array<number>(modelMaxLength - ids.length).fill(padId);
    return config.padding_side === "left"
      ? { ids: [...padding, ...ids], start: padding.length + before }
      : { ids: [...ids, ...padding], start: before };
  };

  return {
    modelMaxLength,
    contentLength,
    tokenize,
    fill,
    encode(text) {
      const { tokens, unknown } = tokenize(text);
      const excess = Math.max(0, tokens.length - contentLength);
      const kept =
        config.truncation_side === "left"
          ? tokens.slice(excess)
          : tokens.slice(0, contentLength);
      return { ids: fill(kept).ids, unknown, truncated: excess };
    },
  };
}

/** A subword model has the unknown token only for single symbols; a person asks which word they were in. */
function unknownWords(
  text: string,
  unkToken: string,
  tokenize: (word: string) => string[],
): string[] {
  return text
    .split(/\s+/)
    .filter(
      (word) =>
        word !== "" &&
        !word.includes(unkToken) &&
        tokenize(word).includes(unkToken),
    );
}

function contentOf(
  token: string | AddedTokenJson | undefined,
): string | undefined {
  return typeof token === "string" ? token : token?.content;
}
