// A device that counts what is alive on it. Everything runs on the real one.

import { elementCount, elementSize } from "@phaseskip/graph";
import type { Device, DeviceTensor } from "../../src/device/session.js";

/** What is alive on a device. */
export interface Alive {
  tensors: number;
  /** Their elements together, in bytes. */
  bytes: number;
  sessions: number;
  /** Session runs so far. */
  runs: number;
  /** Called before each session run with the number of runs before it; what it throws, the run throws. */
  beforeRun: ((runs: number) => void) | undefined;
}

/** Wraps a device; freeing a tensor twice is an error. */
export function countingDevice(device: Device): {
  device: Device;
  alive: Alive;
} {
  const alive: Alive = {
    tensors: 0,
    bytes: 0,
    sessions: 0,
    runs: 0,
    beforeRun: undefined,
  };
  const counted = <T extends DeviceTensor>(tensor: T): T => {
    alive.tensors++;
    const bytes = elementCount(tensor.dims) * elementSize(tensor.type)!;
    alive.bytes += bytes;
    const free = tensor.dispose.bind(tensor);
    let isFreed = false;
    tensor.dispose = () => {
      if (isFreed) throw new Error("a tensor was freed twice");
      isFreed = true;
      alive.tensors--;
      alive.bytes -= bytes;
      free();
    };
    return tensor;
  };
  return {
    alive,
    device: {
      ...device,
      tensor: (...given) => counted(device.tensor(...given)),
      async createSession(...given) {
        const session = await device.createSession(...given);
        alive.sessions++;
        return {
          ...session,
          async run(feeds, fetches) {
            alive.beforeRun?.(alive.runs++);
            const outputs = await session.run(feeds, fetches);
            Object.values(outputs).forEach(counted);
            return outputs;
          },
          async release() {
            alive.sessions--;
            await session.release();
          },
        };
      },
    },
  };
}
