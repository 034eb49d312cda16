// Where models run, as everything but session.ts sees it.

import type { ElementType } from "@phaseskip/graph";

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
  /** The largest tensor that it can hold, in bytes. */
  readonly maxTensorBytes: number;
  /** Elements that the scores of one attention may have at once; larger ones are computed by rows of the queries. */
  readonly maxScores: number;
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
  /** A float32 tensor's own elements where they lie in this memory, not to be written to; undefined on a GPU. */
  values(tensor: DeviceTensor): Float32Array | undefined;
  /** Whether it is of no more use. */
  isLost(): boolean;
  /** Gives it back when all its sessions are released. */
  close(): void;
}
