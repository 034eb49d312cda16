// What a caller asks a picture to show, in words or as what a text encoder makes of them, checked once.

import type { PromptStyle } from "../text/text-windows.js";
import { shownValue } from "./shown-value.js";
import { promptCount } from "./picture-count.js";

/** What text encoders make of texts, made by the caller. */
export interface Embeddings {
  /** All values, row-major. */
  readonly data: Float32Array;
  /** `[prompt, token, width]`, or `[prompt, width]` for whole texts. */
  readonly shape: readonly number[];
}

/** What the pictures are to show. */
export interface TextOptions {
  /**
   * The text; needed by models that take one, refused by others. Of several, each is drawn `numImagesPerPrompt` times,
   * in their order.
   */
  readonly prompt?: string | readonly string[];
  /** What guidance leads away from: one text for all prompts, or one for each. @default "" */
  readonly negativePrompt?: string | readonly string[];
  /** SDXL: the text for the second text encoder, one for all prompts, or one for each. @default the prompt */
  readonly prompt2?: string | readonly string[];
  /** SDXL: the negative text for the second text encoder. @default the negative prompt */
  readonly negativePrompt2?: string | readonly string[];
  /**
   * How all of these are read. `"plain"`: as diffusers' own pipelines do; brackets are text, and what does not fit is cut
   * off. `"weighted"`: brackets say how much words count, `(word:1.2)`, `((word))`, `[word]`, as in
   * AUTOMATIC1111's web interface, `\(` is a bracket; and a text longer than the text encoder takes is embedded in
   * windows, where the Unet's export takes any number of tokens. A text without brackets that fits is the same in both.
   * @default "plain"
   */
  readonly promptStyle?: PromptStyle;
  /** In place of `prompt`: what the Unet reads of it, `[prompt, token, width]`. SDXL's also needs `pooledPromptEmbeds`. */
  readonly promptEmbeds?: Embeddings;
  /** In place of `negativePrompt`: of the shape of what the prompt is embedded as. */
  readonly negativePromptEmbeds?: Embeddings;
  /** SDXL: what stands for the whole prompt beside `promptEmbeds`, `[prompt, width]`. */
  readonly pooledPromptEmbeds?: Embeddings;
  /** SDXL: what stands for the whole negative prompt beside `negativePromptEmbeds`, `[prompt, width]`. */
  readonly negativePooledPromptEmbeds?: Embeddings;
  /**
   * The text encoder's last layers to leave out for the prompt, from 0, beyond the one that SDXL leaves out; the negative
   * prompt goes through all, as in diffusers. The encoder's export must give `hidden_states`. @default 0
   */
  readonly clipSkip?: number;
}

/** The same, known to be well formed; lists have one text for each prompt. */
export interface TextRequest {
  readonly prompts: readonly string[] | undefined;
  readonly negativePrompts: readonly string[] | undefined;
  readonly prompts2: readonly string[] | undefined;
  readonly negativePrompts2: readonly string[] | undefined;
  readonly promptStyle: PromptStyle | undefined;
  readonly promptEmbeds: Embeddings | undefined;
  readonly negativePromptEmbeds: Embeddings | undefined;
  readonly pooledPromptEmbeds: Embeddings | undefined;
  readonly negativePooledPromptEmbeds: Embeddings | undefined;
  readonly clipSkip: number | undefined;
}

/** The names of these options. */
export const textFields = [
  ...["prompt", "negativePrompt", "prompt2", "negativePrompt2", "promptStyle"],
  ...["promptEmbeds", "negativePromptEmbeds", "pooledPromptEmbeds"],
  ...["negativePooledPromptEmbeds", "clipSkip"],
] as const satisfies readonly (keyof TextOptions)[];

/**
 * Checks what a caller asks for.
 * @param doing what is being attempted, for messages
 * @throws {TypeError} If an option has the wrong type, or does not go with another
 * @throws {RangeError} If a value or a number of texts is out of range
 */
export function parseTextOptions(
  options: TextOptions,
  doing: string,
): TextRequest {
  const cannot = (reason: string) => `Cannot ${doing} as ${reason}`;
  refusePairs(options, cannot);
  const texts = (name: TextName) => textList(options[name], name, cannot);
  const embeds = (name: EmbedsName, rank: number) =>
    checkedEmbeddings(options[name], name, rank, cannot);
  const { promptStyle, clipSkip } = options;
  if (promptStyle !== undefined && !isStyle(promptStyle)) {
    throw new TypeError(
      cannot(
        `promptStyle must be "weighted" or "plain": current value is ${shownValue(promptStyle)}`,
      ),
    );
  }
  if (
    clipSkip !== undefined &&
    !(Number.isInteger(clipSkip) && clipSkip >= 0)
  ) {
    const Kind = typeof clipSkip === "number" ? RangeError : TypeError;
    throw new Kind(
      cannot(
        `clipSkip must be an integer of at least 0: current value is ${shownValue(clipSkip)}`,
      ),
    );
  }
  const prompts = texts("prompt");
  const promptEmbeds = embeds("promptEmbeds", 3);
  const count = promptCount({ prompts, promptEmbeds });
  const each = (name: TextName) => perPrompt(texts(name), name, count, cannot);
  const eachEmbeds = (name: EmbedsName, rank: number) =>
    embedsPerPrompt(embeds(name, rank), name, count, cannot);
  return {
    prompts,
    negativePrompts: each("negativePrompt"),
    prompts2: each("prompt2"),
    negativePrompts2: each("negativePrompt2"),
    promptStyle,
    promptEmbeds,
    negativePromptEmbeds: eachEmbeds("negativePromptEmbeds", 3),
    pooledPromptEmbeds: eachEmbeds("pooledPromptEmbeds", 2),
    negativePooledPromptEmbeds: eachEmbeds("negativePooledPromptEmbeds", 2),
    clipSkip,
  };
}

type TextName = "prompt" | "negativePrompt" | "prompt2" | "negativePrompt2";
type EmbedsName =
  | "promptEmbeds"
  | "negativePromptEmbeds"
  | "pooledPromptEmbeds"
  | "negativePooledPromptEmbeds";
type Cannot = (reason: string) => string;

/** Options that take each other's place, and such as are nothing without another. */
function refusePairs(options: TextOptions, cannot: Cannot): void {
  const has = (name: keyof TextOptions) => options[name] !== undefined;
  for (const [embeds, ...texts] of [
    ["promptEmbeds", "prompt", "prompt2"],
    ["negativePromptEmbeds", "negativePrompt", "negativePrompt2"],
  ] as const) {
    const text = texts.find(has);
    if (!has(embeds) || !text) continue;
    throw new TypeError(
      cannot(`${embeds} takes the place of ${text}: leave one of them out`),
    );
  }
  for (const [name, needed] of [
    ["prompt2", "prompt"],
    ["pooledPromptEmbeds", "promptEmbeds"],
    ["negativePooledPromptEmbeds", "negativePromptEmbeds"],
  ] as const) {
    if (!has(name) || has(needed)) continue;
    throw new TypeError(
      cannot(`${name} goes beside ${needed}: ${needed} is missing`),
    );
  }
}

const isStyle = (value: unknown): value is PromptStyle =>
  value === "weighted" || value === "plain";

function textList(
  value: unknown,
  name: TextName,
  cannot: Cannot,
): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") return [value];
  const isList =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((text) => typeof text === "string");
  if (isList) return value;
  throw new TypeError(
    cannot(
      `${name} must be a string or a list of strings, one at least: current value is ${shownValue(value)}`,
    ),
  );
}

function perPrompt(
  texts: readonly string[] | undefined,
  name: TextName,
  count: number,
  cannot: Cannot,
): readonly string[] | undefined {
  if (texts?.length === 1) return new Array<string>(count).fill(texts[0]!);
  if (!texts || texts.length === count) return texts;
  throw new RangeError(
    cannot(
      `${name} must be one text, or one for each of ${count} prompts: current number is ${texts.length}`,
    ),
  );
}

function checkedEmbeddings(
  value: Embeddings | undefined,
  name: EmbedsName,
  rank: number,
  cannot: Cannot,
): Embeddings | undefined {
  if (value === undefined) return undefined;
  const axes = rank === 3 ? "[prompt, token, width]" : "[prompt, width]";
  const { data, shape } = (value ?? {}) as Partial<Embeddings>;
  if (!(data instanceof Float32Array) || !Array.isArray(shape)) {
    throw new TypeError(
      cannot(`${name} must have data, a Float32Array, and shape, ${axes}`),
    );
  }
  const sizes = shape as readonly number[];
  const isShape =
    sizes.length === rank &&
    sizes.every((size) => Number.isInteger(size) && size > 0);
  if (isShape && sizes.reduce((a, b) => a * b) === data.length)
    return { data, shape: sizes };
  throw new RangeError(
    cannot(
      `${name} must have a shape ${axes} of as many values as its data: current shape is [${sizes.join(", ")}], of ${data.length} values`,
    ),
  );
}

function embedsPerPrompt(
  embeds: Embeddings | undefined,
  name: EmbedsName,
  count: number,
  cannot: Cannot,
): Embeddings | undefined {
  if (!embeds || embeds.shape[0] === count) return embeds;
  throw new RangeError(
    cannot(
      `${name} must have one row for each of ${count} prompts: current number is ${embeds.shape[0]}`,
    ),
  );
}
