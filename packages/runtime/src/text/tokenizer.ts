// From a prompt to token ids, as transformers gives them with padding="max_length" and truncation=True.

import type { Graph } from "@phaseskip/graph";
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
 * @param dir folder of the tokenizer inside the model; the first one's files may also lie beside model_index.json
 * @param encoder the text encoder's graph, asked for what no configuration says
 * @throws {PhaseskipError} `model-invalid` If neither is there or one cannot be read as a tokenizer.
 */
export async function loadTokenizer(
  folder: ModelFolder,
  dir = "tokenizer",
  signal?: AbortSignal,
  encoder?: () => Promise<Graph>,
): Promise<Tokenizer> {
  const optionalJson = (path: string) =>
    folder.json(path, signal, { optional: true });
  let at = `${dir}/`;
  let json = (await optionalJson(`${at}tokenizer.json`)) as
    TokenizerJson | undefined;
  let clip = json ? undefined : await readClipFiles(folder, at, signal);
  if (!json && !clip && dir === "tokenizer") {
    at = "";
    json = (await optionalJson("tokenizer.json")) as TokenizerJson | undefined;
    clip = json ? undefined : await readClipFiles(folder, at, signal);
  }
  const files = json ?? clip;
  if (!files) {
    throw new PhaseskipError(
      "model-invalid",
      `Cannot load the tokenizer of ${folder.location} as ${dir}/ has neither tokenizer.json nor both vocab.json and merges.txt: put those of the model's text encoder there`,
    );
  }
  const model = (json as Partial<TokenizerJson> | undefined)?.model;
  if (json && typeof model?.type !== "string") {
    throw new PhaseskipError(
      "model-invalid",
      `Cannot use the tokenizer in ${folder.location} as ${at}tokenizer.json must have a model with a type`,
    );
  }
  let config = ((await optionalJson(`${at}tokenizer_config.json`)) ??
    {}) as TokenizerConfig;
  if (
    !config.added_tokens_decoder &&
    !(json && config.pad_token !== undefined)
  ) {
    const map = (await optionalJson(`${at}special_tokens_map.json`)) as
      TokenizerConfig | undefined;
    config = { ...config, ...map };
  }
  const limits = await limitsOf(config, json, async () => {
    const part = dir.replace("tokenizer", "text_encoder");
    const said = await optionalJson(`${part}/config.json`);
    return said ?? (encoder && embeddingRows(await encoder()));
  });
  const { createTokenizer } = await import("./create-tokenizer.js");
  try {
    return createTokenizer(files, config, limits);
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
  at: string,
  signal?: AbortSignal,
): Promise<ClipFiles | undefined> {
  const optional = { optional: true };
  const vocab = (await folder.json(`${at}vocab.json`, signal, optional)) as
    Record<string, number> | undefined;
  const merges =
    vocab && (await folder.file(`${at}merges.txt`, signal, optional));
  return merges && { vocab, merges: await readText(merges) };
}

/** How many tokens and positions a text encoder has rows for, by the names that exporters keep. */
function embeddingRows({ inputs, weights }: Graph) {
  const rows = (name: string) =>
    [...weights.values()].find(
      (weight) => weight.dims.length === 2 && weight.name.includes(name),
    )?.dims[0];
  const fixed = inputs[0]?.dims?.[1];
  return {
    max_position_embeddings:
      typeof fixed === "number" && fixed > 0
        ? fixed
        : rows("position_embedding.weight"),
    vocab_size: rows("token_embedding.weight"),
  };
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
