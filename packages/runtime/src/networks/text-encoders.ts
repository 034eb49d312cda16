// From a text to what the Unet is told of it. SDXL has two encoders: the Unet reads both, token by token beside each
// other, one layer before their ends, and the second one's vector for the whole text.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import type { ModelFolder } from "../folder/folder.js";
import type { ModelIndex } from "../folder/model-index.js";
import type { PartFiles } from "../folder/part-files.js";
import type { Device } from "../device/session.js";
import type { EncodedText, Tokenizer } from "../text/tokenizer.js";
import { loadTokenizer } from "../text/tokenizer.js";
import type { TextReading } from "../text/text-windows.js";
import { textWindows, windowsOf } from "../text/text-windows.js";
import { lastNorm, layerOutput } from "./skip-layers.js";
import type { WeightChanges } from "../unet/weights.js";
import { Network } from "./network.js";
import { weighTokens } from "./weigh-tokens.js";

/** What is embedded: one text, or one for each of two encoders. */
export interface ToldText {
  /** For the first encoder. */
  readonly text: string;
  /** For the second one. */
  readonly text2: string;
}

/** How a text is embedded. */
export interface EmbedOptions extends TextReading {
  /** Last layers of the encoders to leave out; SDXL's leave out one more. */
  readonly clipSkip: number;
}

/** What tokenizers could not read of a text. */
export type ReadText = Omit<EncodedText, "ids">;

/** A text as the Unet takes it. */
export interface EmbeddedText {
  /** What each tokenizer says of it. */
  readonly read: readonly ReadText[];
  /** `[token, width]`. */
  readonly hidden: Float32Array<ArrayBuffer>;
  /** Of the whole text, for a Unet that takes `text_embeds`. */
  readonly pooled: Float32Array<ArrayBuffer> | undefined;
}

interface Encoder {
  /** Its folder in the layout of diffusers. */
  readonly name: string;
  readonly tokenizer: Tokenizer;
  readonly network: Network;
  readonly layers: number;
  /** How many layers before the last one's the output is that the Unet reads; undefined: behind the last norm. */
  readonly back: number | undefined;
  /** Its last norm behind an earlier layer, as asked for last. */
  norm?: Network;
  /** Output for the whole text, where the Unet reads it. */
  readonly pooled: string | undefined;
}

/** A model's text encoders with their tokenizers. */
export class TextEncoders {
  readonly #encoders: readonly Encoder[];

  private constructor(encoders: readonly Encoder[]) {
    this.#encoders = encoders;
  }

  /**
   * Opens one encoder, or the two of SDXL.
   * @throws {PhaseskipError} `model-unsupported` If an encoder lacks an output that the Unet reads, or takes an input
   * that is not known
   */
  static async open(
    parts: PartFiles,
    device: Device,
    { textEncoders }: ModelIndex,
    signal?: AbortSignal,
  ): Promise<TextEncoders> {
    const { folder } = parts;
    const isXl = textEncoders.includes("text_encoder_2");
    const encoders: Encoder[] = [];
    for (const name of textEncoders) {
      const tokenizer = await loadTokenizer(
        folder,
        name.replace("text_encoder", "tokenizer"),
        signal,
        () => parts.graph(name, device, signal),
      );
      const network = await Network.open(parts, device, name, signal);
      checkInputs(network, name);
      const layers = await layerCount(folder, name, network, signal);
      if (isXl) layerOutput(network.graph, name, layers, 1);
      encoders.push({
        name,
        tokenizer,
        network,
        layers,
        back: isXl ? 1 : undefined,
        pooled:
          name === "text_encoder_2"
            ? outputOf(network, name, "text_embeds")
            : undefined,
      });
    }
    checkLengths(folder, encoders);
    return new TextEncoders(encoders);
  }

  /** Makes the sessions. */
  async start(signal?: AbortSignal): Promise<void> {
    for (const { network } of this.#encoders) await network.start(signal);
  }

  /** Tokens of every text. */
  get tokens(): number {
    return this.#encoders[0]!.tokenizer.modelMaxLength;
  }

  /** An encoder's graph, by its folder. */
  graph(name: string): Graph | undefined {
    return this.#encoders.find((one) => one.name === name)?.network.graph;
  }

  /** Has something made of the encoders' weights, each known by its folder. */
  async change(of: (name: string) => WeightChanges | undefined): Promise<void> {
    for (const { name, network } of this.#encoders)
      await network.change(of(name));
  }

  /** Windows of {@link tokens} that a text needs. */
  windows(text: string): number {
    const needed = this.#encoders.map((one) => windowsOf(one.tokenizer, text));
    return Math.max(...needed);
  }

  /**
   * Embeds a text. What stands for the whole of it is made of its first window.
   * @throws {RangeError} If there are not as many layers as are to be left out
   */
  async embed(
    { text, text2 }: ToldText,
    reading: EmbedOptions,
    signal?: AbortSignal,
  ): Promise<EmbeddedText> {
    const { clipSkip } = reading;
    const read: ReadText[] = [];
    const hidden: Float32Array[] = [];
    let pooled: Float32Array<ArrayBuffer> | undefined;
    for (const [i, encoder] of this.#encoders.entries()) {
      const own = i === 0 ? text : text2;
      const { windows, weights, ...said } = textWindows(
        encoder.tokenizer,
        own,
        reading,
      );
      read.push(said);
      const made: Float32Array[] = [];
      for (const ids of windows) {
        const [states, whole] = await encode(encoder, clipSkip, ids, signal);
        made.push(states!);
        if (made.length === 1) pooled = whole;
      }
      const all = joined(made);
      hidden.push(weights ? weighTokens(all, weights) : all);
    }
    const rows = this.tokens * reading.windows;
    return { hidden: beside(hidden, rows), pooled, read };
  }

  /** Frees the sessions. */
  async release(): Promise<void> {
    for (const { network, norm } of this.#encoders) {
      await network.release();
      await norm?.release();
    }
  }
}

/** Runs an encoder on one window, without its last layers. */
async function encode(
  encoder: Encoder,
  clipSkip: number,
  ids: readonly number[],
  signal?: AbortSignal,
): Promise<Float32Array<ArrayBuffer>[]> {
  const { network, pooled } = encoder;
  const rows = Object.fromEntries(
    network.graph.inputs.map(({ name }) => {
      const data = name === "attention_mask" ? ids.map(() => 1) : ids;
      return [name, { dims: [ids.length], data }];
    }),
  );
  const hidden = hiddenOutput(encoder, clipSkip);
  const fetches = pooled === undefined ? [hidden] : [hidden, pooled];
  const [states, whole] = await network.run(rows, fetches, signal);
  const isNormed = encoder.back !== undefined || clipSkip === 0;
  if (isNormed)
    return [states!, ...(whole ? [whole] : [])].map((one) => one.data);
  const norm = await normAfter(encoder, hidden);
  const [normed] = await norm.run(
    { [hidden]: states! },
    norm.graph.outputs.map(({ name }) => name),
    signal,
  );
  return [normed!.data];
}

/** The last norm behind an earlier layer; the one made last is kept. */
async function normAfter(encoder: Encoder, hidden: string): Promise<Network> {
  const { network, name, layers, norm } = encoder;
  if (norm?.graph.inputs[0]!.name === hidden) return norm;
  await norm?.release();
  const { graph } = network;
  const last = layerOutput(graph, name, layers, 0);
  const end = hiddenOutput(encoder, 0);
  encoder.norm = network.with(lastNorm(graph, last, hidden, end));
  return encoder.norm;
}

function joined(arrays: readonly Float32Array[]): Float32Array {
  const [first] = arrays as [Float32Array];
  if (arrays.length === 1) return first;
  const all = new Float32Array(arrays.length * first.length);
  arrays.forEach((array, i) => all.set(array, i * first.length));
  return all;
}

/** Rows of several arrays, `[row, width]` each, beside each other. */
function beside(
  arrays: readonly Float32Array[],
  rows: number,
): Float32Array<ArrayBuffer> {
  const widths = arrays.map(({ length }) => length / rows);
  const width = widths.reduce((sum, one) => sum + one, 0);
  const all = new Float32Array(rows * width);
  let left = 0;
  arrays.forEach((array, i) => {
    const own = widths[i]!;
    for (let row = 0; row < rows; row++)
      all.set(array.subarray(row * own, (row + 1) * own), row * width + left);
    left += own;
  });
  return all;
}

/** The output that the Unet reads, some layers earlier. */
function hiddenOutput(encoder: Encoder, clipSkip: number): string {
  const { graph } = encoder.network;
  const { back, name, layers } = encoder;
  if (back !== undefined || clipSkip > 0)
    return layerOutput(graph, name, layers, (back ?? 0) + clipSkip);
  const names = graph.outputs.map((output) => output.name);
  return names.includes("last_hidden_state") ? "last_hidden_state" : names[0]!;
}

/** How many layers an encoder has, where its configuration or its outputs say it. */
async function layerCount(
  folder: ModelFolder,
  name: string,
  { graph }: Network,
  signal?: AbortSignal,
): Promise<number> {
  const config = (await folder.json(`${name}/config.json`, signal, {
    optional: true,
  })) as { num_hidden_layers?: unknown } | undefined;
  const states = graph.outputs.filter(({ name: output }) =>
    output.startsWith("hidden_states."),
  ).length;
  return Number(config?.num_hidden_layers ?? Math.max(states - 1, 1));
}

function outputOf({ graph }: Network, name: string, output: string): string {
  const names = graph.outputs.map((value) => value.name);
  if (names.includes(output)) return output;
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot run ${name} as it must have an output named ${output}: it has ${names.join(", ")}; export it with output_hidden_states, as Optimum does`,
  );
}

/** The ids go to `input_ids`, or to a first input of another name. */
function checkInputs({ graph }: Network, name: string): void {
  const names = graph.inputs.map((input) => input.name);
  const ids = names.includes("input_ids") ? "input_ids" : names[0];
  const unknown = names.filter(
    (input) => input !== ids && input !== "attention_mask",
  );
  if (unknown.length === 0) return;
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot run ${name} as its input ${unknown.join(", ")} is not known; known are input_ids and attention_mask`,
  );
}

function checkLengths(folder: ModelFolder, encoders: readonly Encoder[]): void {
  const lengths = encoders.map(({ tokenizer }) => tokenizer.modelMaxLength);
  if (new Set(lengths).size === 1) return;
  throw new PhaseskipError(
    "model-invalid",
    `Cannot load the model at ${folder.location} as its tokenizers must fill up to the same length: they fill up to ${lengths.join(" and ")}`,
  );
}
