// Runs the small models between segments. A session is made when one is first needed, and kept.

import type { ElementType, Kernel, Scale } from "@phaseskip/graph";
import { kernelModel } from "@phaseskip/graph";
import { channelAxis, channelRange } from "../plan/channel-means.js";
import type { Device, DeviceTensor, Session } from "../device/session.js";
import { lowPassMatrix } from "./low-pass.js";
import { weightedSum } from "./weighted-sum.js";

/** A factor: one number, or one for each channel. */
type Factor = number | { readonly perChannel: Float32Array };

/** Linear combinations, scalings and comparisons of tensors on a device. Results belong to the caller. */
export class Kernels {
  readonly #device: Device;
  readonly #sessions = new Map<string, Session>();

  constructor(device: Device) {
    this.#device = device;
  }

  /** `Σ coefficient·input`; all inputs are of one shape. */
  combine(
    inputs: readonly DeviceTensor[],
    coefficients: readonly Factor[],
  ): Promise<DeviceTensor> {
    const [{ dims, type }] = inputs as [DeviceTensor];
    const sum = this.#sumHere(inputs, coefficients);
    if (sum) return Promise.resolve(this.#device.tensor(type, dims, sum));
    const feeds: Feed[] = inputs.flatMap((input, i): Feed[] => [
      [`x${i}`, input],
      [`c${i}`, this.#factor(coefficients[i]!, type, dims)],
    ]);
    return this.#run(inputs.length, type, feeds, inputs);
  }

  /** A tensor with some of its channels and frequencies times a factor. */
  scale(
    input: DeviceTensor,
    { factor, channels = [0, 1], lowPass }: Scale,
  ): Promise<DeviceTensor> {
    const { dims, type } = input;
    // what is multiplied in; of low frequencies, what is added to the rest
    const rest = lowPass === undefined ? 1 : 0;
    const inside = lowPass === undefined ? factor : factor - 1;
    const count = dims[channelAxis(dims.length)] ?? 1;
    const [from, to] = channelRange(channels, count);
    const all = from === 0 && to === count;
    const change: Factor = all
      ? inside
      : {
          perChannel: Float32Array.from({ length: count }, (_, i) =>
            i >= from && i < to ? inside : rest,
          ),
        };
    if (lowPass === undefined) return this.combine([input], [change]);
    const matrix = (size: number, names: [string, string], isRow: boolean) => {
      const { re, im } = lowPassMatrix(size, lowPass, isRow);
      const tensor = (data: Float32Array) =>
        this.#device.tensor(type, [size, size], data);
      return [
        [names[0], tensor(re)],
        [names[1], tensor(im)],
      ] satisfies Feed[];
    };
    const [height = 1, width = 1] = dims.slice(-2);
    const feeds: Feed[] = [
      ["x", input],
      ["c", this.#factor(change, type, dims)],
      ...matrix(height, ["rRe", "rIm"], true),
      ...matrix(width, ["sRe", "sIm"], false),
    ];
    return this.#run("lowPass", type, feeds, [input]);
  }

  /** Mean |a − b| over mean |b|; reads one number back. */
  async change(a: DeviceTensor, b: DeviceTensor): Promise<number> {
    const feeds: Feed[] = [
      ["a", a],
      ["b", b],
    ];
    const ratio = await this.#run("change", a.type, feeds, [a, b]);
    try {
      const [value = NaN] = await this.#device.read(ratio);
      return value;
    } finally {
      ratio.dispose();
    }
  }

  /** Frees the sessions. */
  async dispose(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) await session.release();
  }

  /** The sum where all values lie in this memory: a loop costs a tenth of what running a session does. */
  #sumHere(
    inputs: readonly DeviceTensor[],
    coefficients: readonly Factor[],
  ): Float32Array<ArrayBuffer> | undefined {
    const values = inputs.flatMap((input) => this.#device.values(input) ?? []);
    const factors = coefficients.filter((factor) => typeof factor === "number");
    const isHere =
      values.length === inputs.length && factors.length === inputs.length;
    return isHere ? weightedSum(values, factors) : undefined;
  }

  #factor(
    factor: Factor,
    type: ElementType,
    dims: readonly number[],
  ): DeviceTensor {
    if (typeof factor === "number")
      return this.#device.tensor(type, [], Float32Array.of(factor));
    const axis = channelAxis(dims.length);
    const shape = dims.map((dim, i) => (i === axis ? dim : 1));
    return this.#device.tensor(type, shape, factor.perChannel);
  }

  /** Runs a kernel; of what it is fed, all but `kept` is freed. */
  async #run(
    kernel: Kernel,
    type: ElementType,
    feeds: readonly Feed[],
    kept: readonly DeviceTensor[],
  ): Promise<DeviceTensor> {
    const key = `${kernel} ${type}`;
    try {
      const session =
        this.#sessions.get(key) ??
        (await this.#device.createSession(kernelModel(kernel, type)));
      this.#sessions.set(key, session);
      const { y } = await session.run(Object.fromEntries(feeds), ["y"]);
      return y!;
    } catch (error) {
      // a session whose run threw is in a state that is not to be trusted
      const session = this.#sessions.get(key);
      this.#sessions.delete(key);
      await session?.release().catch(() => undefined);
      throw error;
    } finally {
      for (const [, tensor] of feeds)
        if (!kept.includes(tensor)) tensor.dispose();
    }
  }
}

type Feed = [name: string, tensor: DeviceTensor];
