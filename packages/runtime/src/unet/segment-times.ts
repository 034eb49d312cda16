// How long segments take on a device: measured once, kept with the model's cached weights. What a segment computes
// decides its time, not the values of its weights: a model that is only retrained keeps its times.

import type { Segment, Unet } from "@phaseskip/graph";
import type { Device } from "../device/session.js";
import { keepTimes, keptTimes } from "../store/weight-cache.js";

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
    measure: (segments: readonly Segment[]) => Promise<Map<string, number>>,
  ): Promise<ReadonlyMap<string, number>> {
    const { kind, threads, build } = device;
    const { dims } = unet.shapes.get("sample")!;
    const where = `${kind} ${threads} ${build} ${dims.join()}`;
    const times = await (this.#times ??= keptTimes(this.#location));
    const keyOf = ({ key, weights }: Segment) => {
      // weights of other sizes are another model's that once was in this place
      const sizes = weights.map(
        (name) => `${name} ${unet.graph.weights.get(name)!.byteLength}`,
      );
      return digest(`${where} ${key} ${sizes.join()}`);
    };
    const unknown = segments.filter((segment) => !times.has(keyOf(segment)));
    if (unknown.length > 0) {
      const measured = await measure(unknown);
      for (const segment of unknown)
        times.set(keyOf(segment), measured.get(segment.key)!);
      await keepTimes(this.#location, times);
    }
    return new Map(
      segments.map((segment) => [segment.key, times.get(keyOf(segment))!]),
    );
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
