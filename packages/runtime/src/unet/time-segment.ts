// How long a segment takes, run alone on made-up inputs.

import type { Segment, Unet } from "@phaseskip/graph";
import { elementCount, isFloat } from "@phaseskip/graph";
import { generator } from "@phaseskip/scheduler";
import type { Device, DeviceTensor } from "../session.js";
import type { SharedTensor } from "./shared-tensor.js";

/** Runs that are timed at most, and how long they may take together, in ms. */
const most = { runs: 9, milliseconds: 100 };

/**
 * Runs a segment a few times and takes the median; the first run, which makes ready, does not count.
 * @param run runs it
 * @returns ms
 */
export async function timeSegment(
  device: Device,
  { shapes }: Unet,
  segment: Segment,
  run: (
    feeds: readonly (readonly [string, DeviceTensor])[],
  ) => Promise<[string, SharedTensor][]>,
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
    const outputs = await run(feeds);
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
    const times: number[] = [];
    let sum = 0;
    while (times.length < most.runs && sum < most.milliseconds) {
      const spent = await once();
      times.push(spent);
      sum += spent;
    }
    return times.sort((a, b) => a - b)[times.length >> 1]!;
  } finally {
    for (const [, tensor] of feeds) tensor.dispose();
  }
}
