// The parts of a tokenizer's files that this package reads, and what has to be said differently so that the
// JavaScript tokenizers give the ids that the original library gives.

/** A token that is matched in the text before the vocabulary is asked. */
export interface AddedTokenJson {
  /** The token's text. */
  readonly content: string;
  /** Whether it marks something instead of standing for text. */
  readonly special?: boolean;
  /** Whether it is looked for in the normalised text. */
  readonly normalized?: boolean;
  /** Its id, where it is known. */
  readonly id?: number;
}

/** tokenizer_config.json, as far as it is read here. */
export interface TokenizerConfig {
  /** Token before the text. */
  readonly bos_token?: string | AddedTokenJson;
  /** Token after the text. */
  readonly eos_token?: string | AddedTokenJson;
  /** Token for what the vocabulary lacks. */
  readonly unk_token?: string | AddedTokenJson;
  /** Token that fills up to the length. */
  readonly pad_token?: string | AddedTokenJson;
  /** Length of the ids, the special ones included. */
  readonly model_max_length?: number;
  /** Side on which ids are filled up, `"right"` where it is not said. */
  readonly padding_side?: "left" | "right";
  /** Side on which too long a text is cut, `"right"` where it is not said. */
  readonly truncation_side?: "left" | "right";
  /** Tokens by their id; where they are, special_tokens_map.json does not count. */
  readonly added_tokens_decoder?: Readonly<Record<string, AddedTokenJson>>;
  /** Whether words that the vocabulary lacks are left out; if unsaid, they are where the text encoder has no row for the unknown token. */
  readonly drop_unknown?: boolean;
}

/** A step of the pipeline in a tokenizer.json. */
export interface TokenizerStep {
  /** Which step. */
  readonly type: string;
  /** Its settings. */
  readonly [setting: string]: unknown;
}

/** tokenizer.json, as far as it is read here. */
export interface TokenizerJson {
  /** Tokens beside the vocabulary. */
  readonly added_tokens?: readonly AddedTokenJson[];
  /** What is done to the text first. */
  readonly normalizer?: TokenizerStep | null;
  /** How it is split into words. */
  readonly pre_tokenizer?: TokenizerStep | null;
  /** What is put around it. */
  readonly post_processor?: TokenizerStep | null;
  /** The way back to text. */
  readonly decoder?: TokenizerStep | null;
  /** How words become tokens, and the vocabulary. */
  readonly model: TokenizerStep;
  /** How ids are filled up. */
  readonly padding?: {
    readonly strategy?: unknown;
    readonly pad_id?: number;
  } | null;
  /** Where the ids end. */
  readonly truncation?: { readonly max_length?: number } | null;
}

/** What `\w` means to the original library (Unicode's UTS 18). */
const WORD = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`;

/**
 * Completes a tokenizer.json for @huggingface/tokenizers 0.2 and removes three differences from the original:
 * JavaScript lowers a final sigma to ς, its `\w` knows no letter beyond ASCII, and there is no model of whole
 * words (the library's `Legacy` model behaves like one).
 */
export function adaptTokenizerJson(json: TokenizerJson): TokenizerJson {
  return {
    ...json,
    added_tokens: json.added_tokens ?? [],
    normalizer: rewrite(json.normalizer ?? null, "normalizers", (step) =>
      step.type === "Lowercase"
        ? {
            type: "Sequence",
            normalizers: [
              { type: "Replace", pattern: { String: "Σ" }, content: "σ" },
              step,
            ],
          }
        : step,
    ),
    pre_tokenizer: rewrite(
      json.pre_tokenizer ?? null,
      "pretokenizers",
      (step) =>
        step.type === "Whitespace"
          ? {
              type: "Split",
              pattern: { Regex: `[${WORD}]+|[^${WORD}\\s]+` },
              behavior: "Removed",
              invert: true,
            }
          : step,
    ),
    post_processor: json.post_processor ?? null,
    decoder: json.decoder ?? null,
    model:
      json.model.type === "WordLevel"
        ? { ...json.model, type: "Legacy" }
        : json.model,
  };
}

function rewrite(
  step: TokenizerStep | null,
  children: string,
  change: (step: TokenizerStep) => TokenizerStep,
): TokenizerStep | null {
  if (!step) return null;
  const inner = step[children];
  if (!Array.isArray(inner)) return change(step);
  return {
    ...step,
    [children]: (inner as TokenizerStep[]).map((child) =>
      rewrite(child, children, change),
    ),
  };
}
