// The models beside the page, and the one that is loaded.

import { type Pipeline, loadPipeline } from "phaseskip";
import type { Settings } from "./settings.js";

/** A model that the page can load, as `models.json` beside it lists them. */
export interface ModelEntry {
  readonly name: string;
  /** Relative to the page. */
  readonly url: string;
  /** Names of the plans that it ships. */
  readonly plans: readonly string[];
  /** What to draw at first; missing where the model takes no text. */
  readonly prompt?: string;
}

/** A model that is not on the list. */
export const elsewhere = "elsewhere";

/** Whether loading asks a host other than the page's own. */
export function isFar(model: string, models: readonly ModelEntry[]): boolean {
  if (models.some(({ url }) => url === model)) return false;
  const isName = /^\w[\w.-]*\/\w[\w.-]*$/.test(model);
  const { baseURI } = document;
  const isHere =
    URL.canParse(model, baseURI) &&
    new URL(model, baseURI).origin === new URL(baseURI).origin;
  return isName || !isHere;
}

/**
 * Reads the list.
 * @throws {Error} If there is none, or nothing is on it
 */
export async function listModels(): Promise<readonly ModelEntry[]> {
  const response = await fetch("./models.json");
  const models = response.ok ? ((await response.json()) as ModelEntry[]) : [];
  if (models.length === 0) {
    const found = response.ok ? "an empty list" : `status ${response.status}`;
    throw new Error(
      `Cannot list models as models.json must lie beside the page and name one: found ${found}`,
    );
  }
  return models;
}

/** A pipeline that is loaded, or about to be. */
interface Held {
  readonly key: string;
  readonly pipeline: Promise<Pipeline>;
  readonly controller: AbortController;
  isReady: boolean;
}

/** Holds one pipeline at a time: that of the model, device and dtype asked for last. */
export class ModelLoader {
  #held: Held | undefined;

  /** The pipeline, where it is loaded. */
  get ready(): Promise<Pipeline> | undefined {
    return this.#held?.isReady ? this.#held.pipeline : undefined;
  }

  /** Whether nothing is loaded, nor about to be. */
  get isIdle(): boolean {
    return this.#held === undefined;
  }

  /** Loads, unless that is done or under way. `onProgress` is told the part done, in [0, 1]. */
  load(
    { model, device, dtype }: Pick<Settings, "model" | "device" | "dtype">,
    onProgress: (part: number) => void,
  ): Promise<Pipeline> {
    const key = JSON.stringify([model, device, dtype]);
    if (this.#held?.key === key) return this.#held.pipeline;
    this.#release();
    const controller = new AbortController();
    const pipeline = loadPipeline(model, {
      worker: () =>
        new Worker(new URL("prebuilt/phaseskip.worker.js", document.baseURI), {
          type: "module",
        }),
      device: device as "auto",
      ...(dtype !== "" && { dtype: dtype as "fp32" }),
      signal: controller.signal,
      onProgress: ({ modelLoaded, modelTotal }) => {
        if (modelTotal > 0) onProgress(modelLoaded / modelTotal);
      },
    });
    const held: Held = { key, pipeline, controller, isReady: false };
    this.#held = held;
    pipeline.then(
      () => (held.isReady = true),
      () => {
        if (this.#held === held) this.#held = undefined;
      },
    );
    return pipeline;
  }

  /** Ends a load that is under way. */
  cancel(): void {
    if (this.#held && !this.#held.isReady) this.#release();
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.controller.abort();
    held?.pipeline.then(
      (pipeline) => pipeline.dispose(),
      () => undefined,
    );
  }
}
