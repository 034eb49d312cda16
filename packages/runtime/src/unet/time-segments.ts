// How long segments take, each run alone on made-up inputs.

import type { Segment, Unet } from "@phaseskip/graph";
import { elementCount, isFloat } from "@phaseskip/graph";
import { generator } from "@phaseskip/scheduler";
import { macrotask } from "../device/macrotask.js";
import type { Device, DeviceTensor } from "../device/session.js";
import type { SharedTensor } from "./shared-tensor.js";

/** Runs that are timed at most, and how long they may take together, in ms. */
const most = { runs: 9, milliseconds: 50 };

/** Runs a segment on what it is fed. */
type RunSegment = (
  segment: Segment,
  feeds: readonly (readonly [string, DeviceTensor])[],
) => Promise<[string, SharedTensor][]>;

/**
 * Times segments, each alone.
 * @returns ms by the segments' keys
 */
export async function timeSegments(
  device: Device,
  unet: Unet,
  segments: readonly Segment[],
  run: RunSegment,
  signal?: AbortSignal,
): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  // an engine compiles WebAssembly better while it runs: the first rounds are slow
  for (let round = 0; round < 3; round++) {
    for (const segment of segments) {
      await macrotask();
      signal?.throwIfAborted();
      const time = await timeSegment(device, unet, segment, run);
      const before = times.get(segment.key) ?? Infinity;
      times.set(segment.key, Math.min(before, time));
    }
  }
  return times;
}

/**
 * Runs a segment a few times and takes the shortest: whatever else a machine does only adds to it. The first run, which
 * makes ready, does not count.
 * @returns ms
 */
async function timeSegment(
  device: Device,
  { shapes }: Unet,
  segment: Segment,
  run: RunSegment,
): Promise<number> {
  const noise = generator(0);
  const feeds = segment.inputs.map(({ name, value }) => {
    const { type, dims } = shapes.get(value)!;
    const count = elementCount(dims);
    const data = isFloat(type)
      ? noise.randn(count)
      : new Array<number>(count).fill(1);
    return [name, device.tensor(type, dims, data)] as const;
  });
  const once = async () => {
    const start = performance.now();
    const outputs = await run(segment, feeds);
    const [last] = outputs
      .map(([, { tensor }]) => tensor)
      .filter(({ type }) => isFloat(type))
      .slice(-1);
    // a GPU has done its work once something of it can be read
    if (last && device.kind === "webgpu") await device.read(last);
    const spent = performance.now() - start;
    for (const [, tensor] of outputs) tensor.release();
    return spent;
  };
  try {
    await once();
    let [shortest, sum] = [Infinity, 0];
    for (let i = 0; i < most.runs && sum < most.milliseconds; i++) {
      const spent = await once();
      shortest = Math.min(shortest, spent);
      sum += spent;
    }
    return shortest;
  } finally {
    for (const [, tensor] of feeds) tensor.dispose();
  }
}
