// From a prompt to token ids, as transformers gives them with padding="max_length" and truncation=True.

import { PhaseskipError } from "@phaseskip/graph";
import { clipTokenizerJson } from "./clip-tokenizer.js";
import { readText, type ModelFolder } from "./folder.js";
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
  /** Turns a text into ids. */
  encode(text: string): EncodedText;
}

const DEFAULT_LENGTH = 77;

/**
 * Reads a model's tokenizer from tokenizer.json, or from vocab.json and merges.txt.
 * @param dir folder of the tokenizer inside the model
 * @throws {PhaseskipError} `model-invalid` If neither is there or one cannot be read as a tokenizer.
 */
export async function loadTokenizer(
  folder: ModelFolder,
  dir = "tokenizer",
  signal?: AbortSignal,
): Promise<Tokenizer> {
  const optionalJson = (path: string) =>
    folder.json(path, signal, { optional: true });
  const json = (await optionalJson(`${dir}/tokenizer.json`)) as
    TokenizerJson | undefined;
  let config = ((await optionalJson(`${dir}/tokenizer_config.json`)) ??
    {}) as TokenizerConfig;
  if (
    !config.added_tokens_decoder &&
    !(json && config.pad_token !== undefined)
  ) {
    const map = (await optionalJson(`${dir}/special_tokens_map.json`)) as
      TokenizerConfig | undefined;
    config = { ...config, ...map };
  }
  const limits = await limitsOf(config, json, () =>
    optionalJson(`${dir.replace("tokenizer", "text_encoder")}/config.json`),
  );
  try {
    return await createTokenizer(
      json ?? (await readClipFiles(folder, dir, config, signal)),
      config,
      limits,
    );
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (cause instanceof PhaseskipError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new PhaseskipError(
      "model-invalid",
      `Cannot use the tokenizer in ${folder.location} (${dir}/): ${message}`,
      { cause },
    );
  }
}

async function readClipFiles(
  folder: ModelFolder,
  dir: string,
  config: TokenizerConfig,
  signal?: AbortSignal,
): Promise<TokenizerJson> {
  const vocab = (await folder.json(`${dir}/vocab.json`, signal)) as
    Record<string, number> | undefined;
  const merges = await folder.file(`${dir}/merges.txt`, signal);
  if (!vocab || !merges) {
    throw new PhaseskipError(
      "model-invalid",
      `Cannot load the tokenizer of ${folder.location} as ${dir}/ has neither tokenizer.json nor both vocab.json and merges.txt`,
    );
  }
  return clipTokenizerJson(vocab, await readText(merges), config);
}

interface Limits {
  /** Length of the ids. */
  readonly maxLength: number;
  /** Ids below this have a row in the text encoder's embedding, where that is known. */
  readonly vocabSize: number;
}

/**
 * What the text encoder can take, where the tokenizer does not say it: a length that nobody chose is stored as
 * 1e30, and a vocabulary of words may have an unknown token that was never trained.
 */
async function limitsOf(
  config: TokenizerConfig,
  json: TokenizerJson | undefined,
  encoderConfig: () => Promise<unknown>,
): Promise<Limits> {
  const usable = (length: unknown): length is number =>
    Number.isSafeInteger(length) && (length as number) > 0;
  const said = [config.model_max_length, json?.truncation?.max_length];
  const maxLength = said.find(usable);
  const isOpen =
    json?.model.type === "WordLevel" && config.drop_unknown === undefined;
  if (maxLength !== undefined && !isOpen) {
    return { maxLength, vocabSize: Infinity };
  }
  const encoder = ((await encoderConfig()) ?? {}) as {
    max_position_embeddings?: unknown;
    vocab_size?: unknown;
  };
  const { max_position_embeddings: positions, vocab_size: rows } = encoder;
  return {
    maxLength: maxLength ?? (usable(positions) ? positions : DEFAULT_LENGTH),
    vocabSize: isOpen && usable(rows) ? rows : Infinity,
  };
}

async function createTokenizer(
  json: TokenizerJson,
  config: TokenizerConfig,
  { maxLength: modelMaxLength, vocabSize }: Limits,
): Promise<Tokenizer> {
  // a file of its own in an app, for models that read a text
  const library = await import("@huggingface/tokenizers");
  const isWordLevel = json.model.type === "WordLevel";
  const unkToken =
    (json.model["unk_token"] as string | null | undefined) ??
    contentOf(config.unk_token);
  const adapted = adaptTokenizerJson(json);
  const tokenizer = new library.Tokenizer(adapted, {
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

  return {
    modelMaxLength,
    encode(text) {
      const all = tokenizer.tokenize(text);
      const isUnknown = (token: string) =>
        idOf(token) === undefined || token === unkToken;
      const unknown = isWordLevel
        ? all.filter(isUnknown)
        : all.includes(unkToken ?? "")
          ? unknownWords(text, unkToken ?? "", (word) =>
              tokenizer.tokenize(word),
            )
          : [];
      const tokens = drops ? all.filter((token) => !isUnknown(token)) : all;

      const excess = Math.max(0, tokens.length - contentLength);
      const kept =
        config.truncation_side === "left"
          ? tokens.slice(excess)
          : tokens.slice(0, contentLength);
      const ids = around(kept).map((token) => idOf(token) ?? unkId ?? padId);
      const padding = new Array<number>(modelMaxLength - ids.length).fill(
        padId,
      );
      return {
        ids:
          config.padding_side === "left"
            ? [...padding, ...ids]
            : [...ids, ...padding],
        unknown: [...new Set(unknown)],
        truncated: excess,
      };
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
