// The GPU as WebGPU offers it. It is opened here and handed to ONNX Runtime, so that its limits are known before a
// model is loaded, and its loss is noticed.

import { PhaseskipError } from "@phaseskip/graph";
import { Loss } from "./loss.js";

/** An open GPU. */
export interface Gpu {
  readonly device: GPUDevice;
  /** Whether shaders compute in float16. */
  readonly hasHalf: boolean;
  /** The largest tensor that a shader can read, in bytes. */
  readonly maxTensorBytes: number;
  /** Declared when the GPU is lost. */
  readonly loss: Loss;
}

/** What ONNX Runtime's shaders ask of a device where the adapter has more than every one. */
const limits = [
  "maxBindGroups",
  "maxBufferSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
] as const;

/** How long the browser may take to give an adapter, or a device of it, in ms: a GPU process that hangs never does. */
const answerLimit = 10_000;

/** The browser's way to the GPU, where it has one here. */
const webGpu = (): GPU | undefined =>
  (globalThis.navigator as Partial<Navigator> | undefined)?.gpu;

/**
 * Whether the only adapter is the browser's own, which computes on the CPU: for tests, and slower than WASM.
 * @throws {PhaseskipError} `model-unsupported` if the browser refuses to tell, or does not answer
 */
export async function isFallbackGpu(): Promise<boolean> {
  const gpu = webGpu();
  const adapter = gpu && (await answered("adapter", gpu.requestAdapter()));
  // browsers of 2024 say it of the adapter itself
  const told = adapter as { readonly isFallbackAdapter?: boolean } | null;
  return adapter?.info?.isFallbackAdapter ?? told?.isFallbackAdapter ?? false;
}

/**
 * Opens the GPU.
 * @throws {PhaseskipError} `model-unsupported` if there is none for this page
 */
export async function openGpu(): Promise<Gpu> {
  const gpu = webGpu();
  if (!gpu) {
    throw unsupported(
      globalThis.isSecureContext === false
        ? "WebGPU needs a secure context: serve the page over HTTPS or from localhost"
        : "this browser has none here",
    );
  }
  const adapter = await answered("adapter", gpu.requestAdapter());
  if (!adapter) throw unsupported("this browser offers no adapter");
  const hasHalf = adapter.features.has("shader-f16");
  const opening = adapter.requestDevice({
    requiredFeatures: (["shader-f16", "subgroups"] as const).filter((name) =>
      adapter.features.has(name),
    ),
    requiredLimits: Object.fromEntries(
      limits.map((name) => [name, adapter.limits[name]]),
    ),
  });
  const device = await answered("device", opening);
  const loss = new Loss();
  void device.lost.then(({ message }) =>
    loss.declare(
      new PhaseskipError(
        "device-lost",
        `Cannot go on as the GPU was lost: ${message || "its driver gave no reason"}; run again, which opens it anew`,
      ),
    ),
  );
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const maxTensorBytes = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  return { device, hasHalf, maxTensorBytes, loss };
}

/** Why there is no GPU, of an error of {@link openGpu}'s, as a part of a sentence; of others, what they say. */
export function whyNoGpu(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(
    /^Cannot run on WebGPU as (.*); use the device wasm$/s,
    "$1",
  );
}

/** What the browser was asked for. @throws {PhaseskipError} `model-unsupported` if it refuses, or does not answer */
async function answered<T>(what: string, asked: Promise<T>): Promise<T> {
  const silence = new Loss();
  const timer = setTimeout(() => {
    const seconds = answerLimit / 1000;
    silence.declare(
      unsupported(`the browser gave no ${what} within ${seconds} s`),
    );
  }, answerLimit);
  try {
    return await silence.race(asked);
  } catch (cause) {
    if (cause instanceof PhaseskipError) throw cause;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw unsupported(`the browser gives no ${what}: ${said}`);
  } finally {
    clearTimeout(timer);
  }
}

function unsupported(found: string): PhaseskipError {
  return new PhaseskipError(
    "model-unsupported",
    `Cannot run on WebGPU as ${found}; use the device wasm`,
  );
}
