// Whether a model fits a device, judged before anything is tried.

import type { Graph, Unet } from "@phaseskip/graph";
import {
  ElementType,
  PhaseskipError,
  elementCount,
  heldType,
  valuesByRows,
} from "@phaseskip/graph";
import type { Device } from "./device.js";

/** Bytes that a WebAssembly memory can have. */
export const wasmMemory = 2 ** 32;
/** From here on browsers may tell less memory than there is, in GiB. */
const toldAtMost = 8;

/**
 * Why a Unet's weights do not fit a device; undefined where they may.
 * @param deviceMemory what the browser tells of the machine's memory, in GiB; a power of two near it
 */
export function misfit(
  { weights }: Graph,
  device: Device,
  deviceMemory = Infinity,
): string | undefined {
  let total = 0;
  for (const { name, type, byteLength } of weights.values()) {
    const isWidened = heldType(type, device.hasHalf) !== type;
    const bytes = isWidened ? 2 * byteLength : byteLength;
    if (bytes > device.maxTensorBytes)
      return `its weight ${name} takes ${megabytes(bytes)}: this GPU takes tensors of at most ${megabytes(device.maxTensorBytes)}`;
    // a large model's stay float16 in WebAssembly's memory
    const isKept = device.kind === "wasm" && type === ElementType.FLOAT16;
    total += isKept ? byteLength : bytes;
  }
  if (device.kind === "wasm" && total > wasmMemory)
    return `its weights take ${megabytes(total)}: WebAssembly has ${megabytes(wasmMemory)}`;
  const memory = deviceMemory * 2 ** 30;
  if (deviceMemory < toldAtMost && total > 1.5 * memory)
    return `its weights take ${megabytes(total)}: this machine has about ${megabytes(memory)} of memory`;
  return undefined;
}

/**
 * Checks that a device can hold every tensor of a run.
 * @param unet the Unet at the run's size
 * @throws {PhaseskipError} `model-unsupported` If one is too large
 */
export function checkTensorSizes(
  unet: Unet,
  { maxTensorBytes, maxScores, hasHalf }: Device,
): void {
  if (maxTensorBytes === Infinity) return;
  const inParts = valuesByRows(unet, maxScores);
  for (const [name, { dims }] of unet.shapes) {
    if (inParts.has(name)) continue;
    const bytes = dims.reduce((product, dim) => product * dim, hasHalf ? 2 : 4);
    if (bytes <= maxTensorBytes) continue;
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot draw at this size on this GPU as it takes tensors of at most ${megabytes(maxTensorBytes)}: ${name} takes ${megabytes(bytes)}; draw fewer images at once, or smaller ones, or use the device wasm`,
    );
  }
}

/** Values of a network that are there at once, in multiples of its largest: what a convolution reads, makes and lays out. */
const heldAtOnce = 4;

/** What decides whether a network's values fit. */
export type TilingDevice = Pick<Device, "kind" | "maxTensorBytes" | "hasHalf">;

/** Whether a network whose largest value has so many elements is too much for a device beside what else it holds. */
export function isTooLarge(
  elements: number,
  { kind, maxTensorBytes, hasHalf }: TilingDevice,
): boolean {
  const bytes = elements * (hasHalf ? 2 : 4);
  const isOverHeap = kind === "wasm" && heldAtOnce * bytes > wasmMemory / 2;
  return isOverHeap || bytes > maxTensorBytes;
}

/** Whether a run's memory is to be looked at before it begins: a bound that is quick to work out. */
export function mayBeLarge({ graph, shapes }: Unet, { kind }: Device): boolean {
  if (kind !== "wasm") return false;
  let [weights, largest] = [0, 0];
  for (const { byteLength } of graph.weights.values()) weights += byteLength;
  for (const { dims } of shapes.values())
    largest = Math.max(largest, 4 * elementCount(dims));
  return 2 * weights + heldAtOnce * largest > wasmMemory / 2;
}

/** Bytes as messages say them. */
export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
