// The one file that knows ONNX Runtime. Everything else sees devices, sessions and tensors as device.ts
// declares them; ORT's own `Tensor` never leaves.

import type * as Ort from "onnxruntime-web";
import {
  ElementType,
  PhaseskipError,
  elementCount,
  isFloat,
  heldType,
  widenHalf,
} from "@phaseskip/graph";
import { attempt } from "./attempt.js";
import { cachedScores } from "./device.js";
import type {
  Device,
  DeviceKind,
  DeviceOptions,
  DeviceTensor,
  Session,
  TensorData,
} from "./device.js";
import { openGpu } from "./gpu.js";
import { toHalf } from "./half.js";
import type { Loss } from "./loss.js";

export type {
  Device,
  DeviceKind,
  DeviceOptions,
  DeviceTensor,
  ExternalFile,
  Session,
  TensorData,
} from "./device.js";

class OrtTensor implements DeviceTensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly ort: Ort.Tensor;
  /** Its device went while it was read back; ONNX Runtime takes it for busy for ever and would throw. */
  isLost = false;

  constructor(ort: Ort.Tensor) {
    this.type = elementTypes[ort.type] ?? ElementType.UNDEFINED;
    this.dims = ort.dims;
    this.ort = ort;
  }

  dispose(): void {
    if (!this.isLost) this.ort.dispose();
  }
}

const elementTypes: Partial<Record<Ort.Tensor.Type, ElementType>> = {
  float32: ElementType.FLOAT,
  float16: ElementType.FLOAT16,
  float64: ElementType.DOUBLE,
  int64: ElementType.INT64,
  int32: ElementType.INT32,
  uint8: ElementType.UINT8,
  bool: ElementType.BOOL,
};

/**
 * Opens a device.
 * @throws {PhaseskipError} `model-unsupported` if this browser or machine has no such device
 */
export async function openDevice(
  kind: DeviceKind,
  options: DeviceOptions = {},
): Promise<Device> {
  const gpu = kind === "webgpu" ? await openGpu() : undefined;
  const ort = await importOrt(kind);
  const threads = gpu ? 0 : usableThreads(options.threads);
  const hasHalf = gpu?.hasHalf ?? false;
  if (kind !== "node") {
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = Math.max(threads, 1);
    if (options.wasmPaths) ort.env.wasm.wasmPaths = options.wasmPaths;
  }
  const provider: Ort.InferenceSession.ExecutionProviderConfig = gpu
    ? {
        name: "webgpu",
        device: gpu.device,
        validationMode: options.validate ? "full" : "disabled",
      }
    : kind === "node"
      ? "cpu"
      : "wasm";

  return {
    kind,
    hasHalf,
    maxTensorBytes: gpu?.maxTensorBytes ?? Infinity,
    maxScores: gpu ? gpu.maxTensorBytes / (hasHalf ? 2 : 4) : cachedScores,
    threads,
    build: buildName(kind, ort),
    tensor: (type, dims, data) =>
      new OrtTensor(makeTensor(ort, heldType(type, hasHalf), dims, data)),
    read: async (tensor) => readFloats(tensor as OrtTensor, gpu?.loss),
    values: (tensor) => {
      const { ort } = tensor as OrtTensor;
      const isHere = !gpu && ort.location === "cpu" && ort.type === "float32";
      return isHere ? (ort.data as Float32Array) : undefined;
    },
    isLost: () => gpu?.loss.error !== undefined,
    close: () => gpu?.device.destroy(),
    async createSession(bytes, external) {
      const sessionOptions: Ort.InferenceSession.SessionOptions = {
        executionProviders: [provider],
        graphOptimizationLevel: "all",
        logSeverityLevel: 3,
        ...(kind === "node" && { intraOpNumThreads: threads }),
        ...(gpu && {
          preferredOutputLocation: "gpu-buffer" as const,
        }),
        ...(external && {
          externalData: [{ path: external.name, data: external.bytes }],
        }),
      };
      const session = await attempt(
        "create a session",
        () => ort.InferenceSession.create(bytes, sessionOptions),
        gpu?.loss,
      );
      return wrapSession(session, gpu?.loss);
    },
  };
}

function buildName(kind: DeviceKind, { env }: typeof Ort): string {
  const { node, web, common } = env.versions;
  const name = kind === "node" ? "onnxruntime-node" : "onnxruntime-web";
  return `${name} ${(kind === "node" ? node : web) ?? common}`;
}

async function importOrt(kind: DeviceKind): Promise<typeof Ort> {
  if (kind !== "node")
    return attempt("start ONNX Runtime", () =>
      kind === "wasm" ? import("#ort-wasm") : import("#ort-webgpu"),
    );
  try {
    const module: { readonly default?: typeof Ort } & typeof Ort =
      await import("#ort-node");
    return module.default ?? module;
  } catch (cause) {
    throw new PhaseskipError(
      "model-unsupported",
      "Cannot use the backend node as onnxruntime-node is not installed here; run npm install onnxruntime-node, or use the backend wasm",
      { cause },
    );
  }
}

/** What was asked for, or half the cores; one where threads cannot share memory. */
function usableThreads(wanted: number | undefined): number {
  const isNode = typeof process !== "undefined" && !!process.versions?.node;
  if (!isNode && !globalThis.crossOriginIsolated) return 1;
  const cores = globalThis.navigator?.hardwareConcurrency ?? 2;
  return wanted ?? Math.min(4, Math.max(1, Math.ceil(cores / 2)));
}

function makeTensor(
  ort: typeof Ort,
  type: ElementType,
  dims: readonly number[],
  data: TensorData,
): Ort.Tensor {
  if (data.length !== elementCount(dims)) {
    throw new RangeError(
      `Cannot make a tensor of shape [${dims.join(", ")}] as it takes ${elementCount(dims)} elements: given are ${data.length}`,
    );
  }
  switch (type) {
    case ElementType.FLOAT:
      return new ort.Tensor(
        "float32",
        data instanceof Float32Array ? data : Float32Array.from(data),
        dims,
      );
    case ElementType.FLOAT16:
      return new ort.Tensor(
        "float16",
        toHalf(data) as Uint16Array<ArrayBuffer>,
        dims,
      );
    case ElementType.DOUBLE:
      return new ort.Tensor("float64", Float64Array.from(data), dims);
    case ElementType.INT64: {
      const integers = BigInt64Array.from(data as number[], (value) =>
        BigInt(Math.trunc(value)),
      );
      return new ort.Tensor("int64", integers, dims);
    }
    case ElementType.INT32:
      return new ort.Tensor("int32", Int32Array.from(data), dims);
    case ElementType.BOOL:
      return new ort.Tensor("bool", Uint8Array.from(data), dims);
    default:
      throw new PhaseskipError(
        "model-unsupported",
        `Cannot feed tensors of ONNX type ${type}`,
      );
  }
}

async function readFloats(
  tensor: OrtTensor,
  loss: Loss | undefined,
): Promise<Float32Array<ArrayBuffer>> {
  if (!isFloat(tensor.type))
    throw new TypeError("Cannot read a tensor back as it holds no floats");
  const data: unknown = await attempt(
    "read a tensor back",
    () => tensor.ort.getData(),
    loss,
  ).catch((error: unknown) => {
    tensor.isLost = loss?.error !== undefined;
    throw error;
  });
  if (!(data instanceof Uint16Array))
    return Float32Array.from(data as Float32Array);
  const bytes = widenHalf(
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  return new Float32Array(bytes.buffer);
}

function wrapSession(
  session: Ort.InferenceSession,
  loss: Loss | undefined,
): Session {
  return {
    inputNames: session.inputNames,
    async run(feeds, fetches) {
      const inputs: Record<string, Ort.Tensor> = {};
      for (const [name, feed] of Object.entries(feeds))
        inputs[name] = (feed as OrtTensor).ort;
      const outputs = await attempt(
        "run a part of the model",
        () => session.run(inputs, fetches),
        loss,
      );
      return Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => [
          name,
          new OrtTensor(tensor),
        ]),
      );
    },
    release: async () => session.release(),
  };
}
