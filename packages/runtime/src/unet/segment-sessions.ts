// The sessions of a partition, their weights read range by range.

import type {
  HalfWeights,
  Partition,
  Segment,
  SegmentModel,
  Unet,
} from "@phaseskip/graph";
import { segmentModel } from "@phaseskip/graph";
import { macrotask } from "../device/macrotask.js";
import type { Device, Session } from "../device/session.js";
import type { WeightChanges, Weights } from "./weights.js";

/** A segment's session, and the folded values that it is fed. */
export interface SegmentSession {
  readonly session: Session;
  readonly fed: readonly string[];
}

interface KnownKey {
  readonly changes: WeightChanges | undefined;
  readonly key: string;
}

/** Holds the sessions of the partition in use; segments that two partitions share are kept. */
export class SegmentSessions {
  readonly #device: Device;
  readonly #weights: Weights;
  readonly #half: HalfWeights;
  readonly #sessions = new Map<string, SegmentSession>();
  /** What segments' sessions are known by under these changes. */
  readonly #keys = new WeakMap<Segment, KnownKey>();

  /** @param half what becomes of float16 weights on a device that computes in float32. @default "widened" */
  constructor(device: Device, weights: Weights, half?: HalfWeights) {
    this.#device = device;
    this.#weights = weights;
    this.#half = half ?? "widened";
  }

  /**
   * Makes the sessions of a partition, after releasing those that it lacks; the last of those stays until
   * a new one is there, as releasing a device's last session destroys the device.
   */
  async prepare(
    unet: Unet,
    { segments }: Partition,
    signal?: AbortSignal,
  ): Promise<void> {
    const wanted = new Set(segments.map((segment) => this.#key(segment)));
    const stale = [...this.#sessions.keys()].filter((key) => !wanted.has(key));
    const last = stale.length === this.#sessions.size ? stale.pop() : undefined;
    for (const key of stale) await this.#release(key);
    try {
      for (const segment of segments) {
        const key = this.#key(segment);
        if (this.#sessions.has(key)) continue;
        signal?.throwIfAborted();
        this.#sessions.set(key, await this.#create(unet, segment, signal));
        await macrotask();
      }
    } finally {
      this.#weights.dropSpace();
    }
    if (last) await this.#release(last);
  }

  /** The session of a segment of the partition prepared last. */
  get(segment: Segment): SegmentSession {
    return this.#sessions.get(this.#key(segment))!;
  }

  /** Forgets a session whose run threw: ORT leaves it in a state that is not to be trusted. */
  async discard(segment: Segment): Promise<void> {
    await this.#release(this.#key(segment)).catch(() => undefined);
  }

  /** Releases all sessions. */
  async dispose(): Promise<void> {
    for (const key of [...this.#sessions.keys()]) await this.#release(key);
  }

  async #create(
    unet: Unet,
    segment: Segment,
    signal?: AbortSignal,
  ): Promise<SegmentSession> {
    const model: SegmentModel = segmentModel(
      unet,
      segment,
      !this.#device.hasHalf,
      this.#weights.isChanged,
      this.#half,
    );
    const external = await this.#weights.external(model, signal);
    const session = await this.#device.createSession(model.bytes, external);
    return { session, fed: model.fed };
  }

  /** What a session is known by: its segment, and what is made of its weights. */
  #key(segment: Segment): string {
    const { changes } = this.#weights;
    const known = this.#keys.get(segment);
    if (known && known.changes === changes) return known.key;
    const key = `${segment.key}\n${this.#weights.changesOf(segment.weights)}`;
    this.#keys.set(segment, { changes, key });
    return key;
  }

  async #release(key: string): Promise<void> {
    const held = this.#sessions.get(key);
    this.#sessions.delete(key);
    await held?.session.release();
  }
}
