// How long segments take on a device: measured once, kept with the model's cached weights. What a segment computes
// decides its time, not the values of its weights: a model that is only retrained keeps its times.

import type { Segment, Unet } from "@phaseskip/graph";
import type { Device } from "./session.js";
import { keepTimes, keptTimes } from "./weight-cache.js";

/** Times of one model's segments, by device and size. */
export class SegmentTimes {
  readonly #location: string;
  #times: Promise<Map<string, number>> | undefined;

  /** @param location the model folder's */
  constructor(location: string) {
    this.#location = location;
  }

  /**
   * The times of segments by their keys, in ms; those that are not known are measured, and kept where there is IndexedDB: in Node they
   * last as long as the pipeline.
   */
  async get(
    device: Device,
    unet: Unet,
    segments: readonly Segment[],
    measure: (segment: Segment) => Promise<number>,
  ): Promise<ReadonlyMap<string, number>> {
    const { kind, threads, build } = device;
    const { dims } = unet.shapes.get("sample")!;
    const where = `${kind} ${threads} ${build} ${dims.join()}`;
    const times = await (this.#times ??= keptTimes(this.#location));
    const found = new Map<string, number>();
    let isNew = false;
    for (const segment of segments) {
      // weights of other sizes are another model's that once was in this place
      const weights = segment.weights.map(
        (name) => `${name} ${unet.graph.weights.get(name)!.byteLength}`,
      );
      const key = digest(`${where} ${segment.key} ${weights.join()}`);
      let time = times.get(key);
      if (time === undefined) {
        time = await measure(segment);
        times.set(key, time);
        isNew = true;
      }
      found.set(segment.key, time);
    }
    if (isNew) await keepTimes(this.#location, times);
    return found;
  }
}

/** Two 32-bit FNV-1a hashes, of the text and of its reverse: enough to tell some hundred segments apart. */
function digest(text: string): string {
  const hash = (letters: Iterable<string>) => {
    let sum = 0x811c9dc5;
    for (const letter of letters)
      sum = Math.imul(sum ^ letter.charCodeAt(0), 0x01000193);
    return (sum >>> 0).toString(36);
  };
  return `${hash(text)} ${hash([...text].reverse())}`;
}
