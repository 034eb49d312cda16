// How much memory a run takes, worked out before it begins.

import type { Partition } from "@phaseskip/graph";
import {
  PhaseskipError,
  elementCount,
  heldWeightBytes,
  networkBytes,
  runningBytes,
} from "@phaseskip/graph";
import type { TilingDevice } from "../device/device-fit.js";
import { megabytes, wasmMemory } from "../device/device-fit.js";
import { weightHolding } from "../unet/weight-holding.js";
import type { PlannedRun } from "./planned-run.js";

/** Memory of a run at its peak, in bytes. */
export interface MemoryDescription {
  /** Weights of all networks, in their sessions. */
  readonly weights: number;
  /** Values inside the part that has most of them at once: a segment of the Unet, a text encoder, the VAE. */
  readonly running: number;
  /** Values between the Unet's segments, what the plan keeps, and what depends on the text. */
  readonly kept: number;
  /** The largest session's weights, which are laid out beside the device's memory while it is made. */
  readonly laidOut: number;
  /** What the device holds at most: of the 4 GiB that WebAssembly has. */
  readonly device: number;
  /** All of that, what is laid out, and what ONNX Runtime and the engine take themselves. */
  readonly peak: number;
}

/** A JavaScript engine with ONNX Runtime and a model's graph, without weights and values. */
const engineBytes = 400e6;

/**
 * Predicts the memory of a run where the device's is the machine's own.
 *
 * @param partition the Unet's, as the executor cuts it
 * @param caches what the plan keeps and what depends on the text, in bytes
 */
export function describeMemory(
  { unet, networks }: Pick<PlannedRun, "unet" | "networks">,
  device: TilingDevice,
  { segments }: Partition,
  caches: number,
): MemoryDescription {
  const { graph, shapes } = unet;
  const { hasHalf } = device;
  const isTiled = networks.isTiled(device);
  const held = { hasHalf, half: weightHolding(device, graph).half };
  const parts = [
    ...segments.map((segment) => {
      const inputs = segment.inputs.map(({ value }) => value);
      return {
        weights: heldWeightBytes(graph, segment.weights, held),
        running: runningBytes(graph, shapes, { ...segment, inputs }, held),
      };
    }),
    ...networks.runs.map(({ graph, dims, tile }) => {
      const { half } = weightHolding(device, graph);
      return networkBytes(graph, () => (isTiled ? tile : dims), {
        hasHalf,
        half,
      });
    }),
  ];
  const weights = parts.reduce((sum, part) => sum + part.weights, 0);
  const running = Math.max(...parts.map((part) => part.running));
  const laidOut = Math.max(...parts.map((part) => part.weights));
  const between = segments
    .flatMap(({ kind, outputs }) => (kind === "step" ? outputs : []))
    .map((value) => 4 * elementCount(shapes.get(value)?.dims ?? []))
    .reduce((sum, bytes) => sum + bytes, 0);
  const kept = caches + between;
  return {
    weights,
    running,
    kept,
    laidOut,
    device: weights + running,
    peak: engineBytes + weights + Math.max(laidOut, running + kept),
  };
}

/**
 * Checks that a run fits WebAssembly's memory.
 *
 * @param pixels of a picture for each of a sample, along a side
 * @throws {PhaseskipError} `out-of-memory` If it does not; it says which size would
 */
export function checkMemory(
  run: Pick<PlannedRun, "unet" | "networks" | "shape">,
  device: TilingDevice,
  parts: Partition,
  pixels: number,
): void {
  const {
    weights,
    running,
    device: taken,
  } = describeMemory(run, device, parts, 0);
  if (taken <= wasmMemory) return;
  const [, , height, width] = run.shape;
  // what runs grows at least with the area
  const scale = Math.sqrt(Math.max(0, wasmMemory - weights) / running);
  const fitting = [width, height].map(
    (side) => 8 * Math.floor((side * scale) / 8) * pixels,
  );
  const wayOut = fitting.every((side) => side > 0)
    ? `draw at ${fitting.join(" × ")} pixels or less, or use the device webgpu`
    : "use a smaller dtype of the model, or the device webgpu";
  throw new PhaseskipError(
    "out-of-memory",
    `Cannot draw at ${width * pixels} × ${height * pixels} pixels on wasm as weights of ${megabytes(weights)} and values of ${megabytes(running)} must fit the ${megabytes(wasmMemory)} that WebAssembly has: ${wayOut}`,
  );
}
