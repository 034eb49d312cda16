// The LoRAs of a model: each file is opened once, and matched with each network anew when a call asks for others.

import type { Graph } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import { openFolder } from "../folder/model-folder.js";
import type { WeightChanges } from "../unet/weights.js";
import type { LoraConfig } from "./lora-alpha.js";
import { loraChanges } from "./lora-changes.js";
import type { LoraLayers } from "./lora-file.js";
import { readLora } from "./lora-file.js";
import type { LoraPart } from "./lora-key.js";

/** A LoRA to merge into a model. */
export interface Lora {
  /** A safetensors file: URL, in a page also relative to it; in Node also a path. */
  readonly url: string;
  /** How much it counts. @default 1 */
  readonly scale?: number;
}

/** The LoRA files of a model, opened. */
export class ModelLoras {
  readonly #files = new Map<string, Promise<LoraLayers>>();
  readonly #close: (() => Promise<void>)[] = [];

  /**
   * What LoRAs make of the weights of a model's networks.
   * @param graphs the model's networks
   * @throws {PhaseskipError} `fetch-failed`, `model-invalid` and `model-unsupported` as the files demand
   */
  async changes(
    loras: readonly Lora[],
    graphs: Readonly<Partial<Record<LoraPart, Graph>>>,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<LoraPart, WeightChanges>> {
    const opened = await Promise.all(
      loras.map(async ({ url, scale = 1 }) => ({
        name: url,
        scale,
        parts: await this.#open(url, signal),
      })),
    );
    const changes = new Map<LoraPart, WeightChanges>();
    for (const part of new Set(
      opened.flatMap(({ parts }) => [...parts.keys()]),
    )) {
      const graph = graphs[part];
      const own = opened.flatMap(({ parts, ...lora }) => {
        const layers = parts.get(part);
        return layers ? [{ ...lora, layers }] : [];
      });
      if (!graph) {
        throw new PhaseskipError(
          "model-unsupported",
          `Cannot use the LoRA ${own[0]!.name} as it changes ${part}, which this model does not have`,
        );
      }
      changes.set(part, loraChanges(graph, part, own));
    }
    return changes;
  }

  /** Closes all files. */
  async close(): Promise<void> {
    for (const close of this.#close.splice(0)) await close();
    this.#files.clear();
  }

  #open(url: string, signal?: AbortSignal): Promise<LoraLayers> {
    const known = this.#files.get(url);
    if (known) return known;
    const opened = this.#read(url, signal);
    this.#files.set(url, opened);
    opened.catch(() => this.#files.delete(url));
    return opened;
  }

  /** A file is read as one of its folder: it is cached as a model's files are. */
  async #read(url: string, signal?: AbortSignal): Promise<LoraLayers> {
    const slash = url.lastIndexOf("/") + 1;
    const folder = await openFolder(url.slice(0, slash) || "./");
    this.#close.push(() => folder.close());
    const name = url.slice(slash);
    const path = /^https?:/.test(folder.location)
      ? decodeURIComponent(name)
      : name;
    const file = await folder.file(path, signal);
    if (!file) {
      throw new PhaseskipError(
        "fetch-failed",
        `Cannot use the LoRA ${url} as there is no such file`,
      );
    }
    const beside =
      name === "adapter_model.safetensors"
        ? await folder.json("adapter_config.json", signal, { optional: true })
        : undefined;
    return readLora(file, url, beside as LoraConfig | undefined);
  }
}
