// From a prompt to token ids, as transformers gives them with padding="max_length" and truncation=True.

import { PhaseskipError } from "@phaseskip/graph";
import type {
  ClipFiles,
  Tokenizer,
  TokenizerLimits,
} from "./create-tokenizer.js";
import type { ModelFolder } from "../folder/folder.js";
import { readText } from "../store/model-file.js";
import type { TokenizerConfig, TokenizerJson } from "./tokenizer-json.js";

export type { EncodedText, Tokenizer } from "./create-tokenizer.js";

const DEFAULT_LENGTH = 77;
/** Tokens that a text encoder may take; a longer length is one that nobody chose. */
const MOST_TOKENS = 2 ** 20;

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
  const model = (json as Partial<TokenizerJson> | undefined)?.model;
  if (json && typeof model?.type !== "string") {
    throw new PhaseskipError(
      "model-invalid",
      `Cannot use the tokenizer in ${folder.location} as ${dir}/tokenizer.json must have a model with a type`,
    );
  }
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
  const { createTokenizer } = await import("./create-tokenizer.js");
  try {
    return createTokenizer(
      json ?? (await readClipFiles(folder, dir, signal)),
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
  signal?: AbortSignal,
): Promise<ClipFiles> {
  const vocab = (await folder.json(`${dir}/vocab.json`, signal)) as
    Record<string, number> | undefined;
  const merges = await folder.file(`${dir}/merges.txt`, signal);
  if (!vocab || !merges) {
    throw new PhaseskipError(
      "model-invalid",
      `Cannot load the tokenizer of ${folder.location} as ${dir}/ has neither tokenizer.json nor both vocab.json and merges.txt`,
    );
  }
  return { vocab, merges: await readText(merges) };
}

/**
 * What the text encoder can take, where the tokenizer does not say it: a length that nobody chose is stored as
 * 1e30, and a vocabulary of words may have an unknown token that was never trained.
 */
async function limitsOf(
  config: TokenizerConfig,
  json: TokenizerJson | undefined,
  encoderConfig: () => Promise<unknown>,
): Promise<TokenizerLimits> {
  const usable = (length: unknown): length is number =>
    Number.isSafeInteger(length) &&
    (length as number) > 0 &&
    (length as number) <= MOST_TOKENS;
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
