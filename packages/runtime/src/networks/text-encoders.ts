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
import { Network } from "./network.js";

/** A text as the Unet takes it. */
export interface EmbeddedText {
  /** What the tokenizer says of it. */
  readonly encoded: EncodedText;
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
  /** Output that the Unet reads. */
  readonly hidden: string;
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
      encoders.push({
        name,
        tokenizer,
        network,
        hidden: isXl
          ? await penultimate(folder, name, network, signal)
          : hiddenOutput(network),
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

  /** Embeds a text. */
  async embed(text: string, signal?: AbortSignal): Promise<EmbeddedText> {
    const texts = this.#encoders.map(({ tokenizer }) => tokenizer.encode(text));
    const hidden: Float32Array[] = [];
    let pooled: Float32Array<ArrayBuffer> | undefined;
    for (const [i, encoder] of this.#encoders.entries()) {
      const { ids } = texts[i]!;
      const rows = Object.fromEntries(
        encoder.network.graph.inputs.map(({ name }) => {
          const data = name === "attention_mask" ? ids.map(() => 1) : ids;
          return [name, { dims: [ids.length], data }];
        }),
      );
      const fetches = [encoder.hidden, encoder.pooled].filter(
        (name) => name !== undefined,
      );
      const made = await encoder.network.run(rows, fetches, signal);
      hidden.push(made[0]!.data);
      pooled = made[1]?.data;
    }
    return { hidden: beside(hidden, this.tokens), pooled, encoded: texts[0]! };
  }

  /** Frees the sessions. */
  async release(): Promise<void> {
    for (const { network } of this.#encoders) await network.release();
  }
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

function hiddenOutput({ graph }: Network): string {
  const names = graph.outputs.map(({ name }) => name);
  return names.includes("last_hidden_state") ? "last_hidden_state" : names[0]!;
}

/** `hidden_states.0` is what enters the first layer, so the last but one's output has the number of layers less one. */
async function penultimate(
  folder: ModelFolder,
  name: string,
  network: Network,
  signal?: AbortSignal,
): Promise<string> {
  const config = (await folder.json(`${name}/config.json`, signal, {
    optional: true,
  })) as { num_hidden_layers?: unknown } | undefined;
  const states = network.graph.outputs.filter(({ name: output }) =>
    output.startsWith("hidden_states."),
  ).length;
  const layers = Number(config?.num_hidden_layers ?? Math.max(states - 1, 1));
  return outputOf(network, name, `hidden_states.${layers - 1}`);
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
