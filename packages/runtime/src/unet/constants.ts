// Tensors that stay the same as long as the Unet keeps its size.

import type { Unet } from "@phaseskip/graph";
import { elementCount } from "@phaseskip/graph";
import { channelAxis, nearestTimestep } from "../plan/channel-means.js";
import type { ChannelMeans } from "../plan/channel-means.js";
import type { Device, DeviceTensor } from "../device/session.js";

/** Makes constants, and holds those that are asked for again. */
export class Constants {
  readonly #device: Device;
  readonly #unet: Unet;
  readonly #held = new Map<string, DeviceTensor>();

  constructor(device: Device, unet: Unet) {
    this.#device = device;
    this.#unet = unet;
  }

  /** A value that follows from shapes; held here. */
  folded(value: string): DeviceTensor {
    return this.#hold(value, () => {
      const { type, dims, data } = this.#unet.shapes.get(value)!;
      return this.#device.tensor(type, dims, data!);
    });
  }

  /** Zeros of a value's type and shape; held here. */
  zeros(like: string): DeviceTensor {
    const { type, dims } = this.#unet.shapes.get(like)!;
    const key = `zeros ${type} [${dims.join()}]`;
    return this.#hold(key, () => this.newZeros(like));
  }

  /** Zeros of a value's type and shape; the caller owns them. */
  newZeros(like: string): DeviceTensor {
    const { type, dims } = this.#unet.shapes.get(like)!;
    const zeros = new Float32Array(elementCount(dims));
    return this.#device.tensor(type, dims, zeros);
  }

  /** Means of a unit's output, in its shape; the caller owns them. */
  newMeans(
    like: string,
    means: ChannelMeans,
    unit: string,
    output: number,
    timestep: number,
  ): DeviceTensor {
    const { type, dims } = this.#unet.shapes.get(like)!;
    const axis = channelAxis(dims.length);
    const channels = dims[axis] ?? 1;
    const inner = elementCount(dims.slice(axis + 1));
    const given = means.units[unit]![output]!;
    const first = nearestTimestep(means, timestep) * channels;
    const data = Float32Array.from(
      { length: elementCount(dims) },
      (_, i) => given[first + (Math.floor(i / inner) % channels)]!,
    );
    return this.#device.tensor(type, dims, data);
  }

  /** Frees what is held. */
  dispose(): void {
    for (const tensor of this.#held.values()) tensor.dispose();
    this.#held.clear();
  }

  #hold(key: string, make: () => DeviceTensor): DeviceTensor {
    const known = this.#held.get(key);
    if (known) return known;
    const tensor = make();
    this.#held.set(key, tensor);
    return tensor;
  }
}
