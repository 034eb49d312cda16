// The one file that knows ONNX Runtime. Everything else sees devices, sessions and tensors as they are
// declared here; ORT's own `Tensor` never leaves.

import type * as Ort from "onnxruntime-web";
import {
  ElementType,
  PhaseskipError,
  elementCount,
  isFloat,
  widenHalf,
} from "@phaseskip/graph";
import { toHalf } from "./half.js";

/** Where sessions run: ONNX Runtime's WebAssembly or WebGPU, or in Node its native build. */
export type DeviceKind = "wasm" | "webgpu" | "node";

/** How a device is opened. */
export interface DeviceOptions {
  /** WASM threads; more than one need cross-origin isolation in a browser. @default half the cores, at most 4 */
  readonly threads?: number;
  /** Folder URL of ONNX Runtime's `.mjs` and `.wasm` files, where they lie elsewhere than their importer. */
  readonly wasmPaths?: string;
  /** Check every WebGPU call: slow, for tests. @default false */
  readonly validate?: boolean;
}

/** A tensor on a device, owned by whoever asked for it. */
export interface DeviceTensor {
  /** The type of its elements on the device. */
  readonly type: ElementType;
  /** Sizes of its axes, outermost first; `[]` for a scalar. */
  readonly dims: readonly number[];
  /** Frees its memory; using it afterwards is an error. */
  dispose(): void;
}

/** Data of a new tensor: floats, whatever float type the device keeps; or whole numbers. */
export type TensorData = Float32Array | readonly number[];

/** An ONNX model ready to run. */
export interface Session {
  /** The model's inputs, in its own order. */
  readonly inputNames: readonly string[];
  /**
   * Runs the model.
   * @param feeds a tensor for every input
   * @param fetches the outputs to compute; the caller owns the tensors returned
   * @throws {PhaseskipError} `inference-failed`, `out-of-memory` or `device-lost`; the session is then of
   * no more use
   */
  run(
    feeds: Readonly<Record<string, DeviceTensor>>,
    fetches: readonly string[],
  ): Promise<Record<string, DeviceTensor>>;
  /** Frees the session and its weights. */
  release(): Promise<void>;
}

/** The external file of a model: its name inside the model, and its bytes. */
export interface ExternalFile {
  /** The location that the model's weights name. */
  readonly name: string;
  /** The file's contents. */
  readonly bytes: Uint8Array;
}

/** A place where sessions run. */
export interface Device {
  /** Where sessions run. */
  readonly kind: DeviceKind;
  /** Whether it computes in float16; where not, models are widened to float32. */
  readonly hasHalf: boolean;
  /** WASM threads in use; 0 on WebGPU. */
  readonly threads: number;
  /** The build of ONNX Runtime, such as `onnxruntime-web 1.30.0`. */
  readonly build: string;
  /** Makes a session; `bytes` are free again when it resolves. */
  createSession(bytes: Uint8Array, external?: ExternalFile): Promise<Session>;
  /** Makes a tensor. Floats of type float16 are rounded to it, or stay float32 where the device lacks it. */
  tensor(
    type: ElementType,
    dims: readonly number[],
    data: TensorData,
  ): DeviceTensor;
  /** Reads a float tensor back as float32; new memory. */
  read(tensor: DeviceTensor): Promise<Float32Array<ArrayBuffer>>;
}

class OrtTensor implements DeviceTensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly ort: Ort.Tensor;

  constructor(ort: Ort.Tensor) {
    this.type = elementTypes[ort.type] ?? ElementType.UNDEFINED;
    this.dims = ort.dims;
    this.ort = ort;
  }

  dispose(): void {
    this.ort.dispose();
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
  const ort = await importOrt(kind);
  const threads = kind === "webgpu" ? 0 : usableThreads(options.threads);
  let hasHalf = false;
  if (kind !== "node") {
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = Math.max(threads, 1);
    if (options.wasmPaths) ort.env.wasm.wasmPaths = options.wasmPaths;
  }
  if (kind === "webgpu") hasHalf = await hasShaderHalf();
  const provider: Ort.InferenceSession.ExecutionProviderConfig =
    kind === "webgpu"
      ? ({
          name: "webgpu",
          validationMode: options.validate ? "full" : "disabled",
        } as const)
      : kind === "node"
        ? "cpu"
        : "wasm";

  return {
    kind,
    hasHalf,
    threads,
    build: buildName(kind, ort),
    tensor: (type, dims, data) =>
      new OrtTensor(makeTensor(ort, deviceType(type, hasHalf), dims, data)),
    read: async (tensor) => readFloats(tensor as OrtTensor),
    async createSession(bytes, external) {
      const sessionOptions: Ort.InferenceSession.SessionOptions = {
        executionProviders: [provider],
        graphOptimizationLevel: "all",
        logSeverityLevel: 3,
        ...(kind === "node" && { intraOpNumThreads: threads }),
        ...(kind === "webgpu" && {
          preferredOutputLocation: "gpu-buffer" as const,
        }),
        ...(external && {
          externalData: [{ path: external.name, data: external.bytes }],
        }),
      };
      const session = await attempt("create a session", () =>
        ort.InferenceSession.create(bytes, sessionOptions),
      );
      return wrapSession(session);
    },
  };
}

function buildName(kind: DeviceKind, { env }: typeof Ort): string {
  const { node, web, common } = env.versions;
  const name = kind === "node" ? "onnxruntime-node" : "onnxruntime-web";
  return `${name} ${(kind === "node" ? node : web) ?? common}`;
}

async function importOrt(kind: DeviceKind): Promise<typeof Ort> {
  if (kind === "wasm") return import("#ort-wasm");
  if (kind === "webgpu") {
    if (typeof navigator === "undefined" || !("gpu" in navigator)) {
      throw new PhaseskipError(
        "model-unsupported",
        "Cannot run on WebGPU as this browser has none here; use the device wasm, or a secure context in a browser with WebGPU",
      );
    }
    return import("#ort-webgpu");
  }
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

async function hasShaderHalf(): Promise<boolean> {
  interface Gpu {
    requestAdapter(): Promise<{ features: ReadonlySet<string> } | null>;
  }
  const adapter = await (
    navigator as unknown as { gpu: Gpu }
  ).gpu.requestAdapter();
  if (!adapter) {
    throw new PhaseskipError(
      "model-unsupported",
      "Cannot run on WebGPU as this browser offers no adapter; use the device wasm",
    );
  }
  return adapter.features.has("shader-f16");
}

/** Models are widened to float32 where there is no float16, and so is what they are fed. */
function deviceType(type: ElementType, hasHalf: boolean): ElementType {
  return type === ElementType.FLOAT16 && !hasHalf ? ElementType.FLOAT : type;
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

async function readFloats({
  ort: tensor,
  type,
}: OrtTensor): Promise<Float32Array<ArrayBuffer>> {
  if (!isFloat(type))
    throw new TypeError("Cannot read a tensor back as it holds no floats");
  const data: unknown = await attempt("read a tensor back", () =>
    tensor.getData(),
  );
  if (!(data instanceof Uint16Array))
    return Float32Array.from(data as Float32Array);
  const bytes = widenHalf(
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  return new Float32Array(bytes.buffer);
}

function wrapSession(session: Ort.InferenceSession): Session {
  return {
    inputNames: session.inputNames,
    async run(feeds, fetches) {
      const inputs: Record<string, Ort.Tensor> = {};
      for (const name in feeds) inputs[name] = (feeds[name] as OrtTensor).ort;
      const outputs = await attempt("run a part of the model", () =>
        session.run(inputs, fetches),
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

/** ORT throws plain errors, strings, and numbers that are C++ exceptions. */
async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    const line = said.split("\n")[0]!.slice(0, 300);
    if (
      /out of memory|bad_alloc|failed to allocate|allocation failed|OOM/i.test(
        said,
      )
    ) {
      throw new PhaseskipError(
        "out-of-memory",
        `Cannot ${what} as memory ran out: ${line}`,
        { cause },
      );
    }
    if (/device (was |is )?lost|lost device|device.*destroyed/i.test(said)) {
      throw new PhaseskipError(
        "device-lost",
        `Cannot ${what} as the GPU was lost: ${line}`,
        { cause },
      );
    }
    throw new PhaseskipError("inference-failed", `Cannot ${what}: ${line}`, {
      cause,
    });
  }
}
