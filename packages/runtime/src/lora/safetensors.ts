// A safetensors file: a table of contents, then the tensors' bytes; each is read when it is asked for.
// Format: https://github.com/huggingface/safetensors, 0.8.

import type { ByteSource } from "@phaseskip/graph";
import { PhaseskipError, widenHalf } from "@phaseskip/graph";

/** A tensor of a file. */
export interface SafeTensor {
  /** Sizes of its axes, outermost first. */
  readonly shape: readonly number[];
  /** Its values, row-major. */
  read(): Promise<Float32Array>;
}

/** What a file holds. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  /** What its maker noted. */
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Bytes of a value, by type. */
const sizes: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2 };

/**
 * Reads a file's table of contents.
 * @param name what to call the file in messages
 * @throws {PhaseskipError} `model-invalid` If it is no safetensors file, or cut short
 */
export async function readSafetensors(
  file: ByteSource,
  name: string,
): Promise<Safetensors> {
  const wrong = (reason: string, cause?: unknown) =>
    new PhaseskipError(
      "model-invalid",
      `Cannot read ${name} as it must be a safetensors file: ${reason}`,
      { cause },
    );
  if (file.size < 8) throw wrong(`it has ${file.size} bytes`);
  const head = await file.read(0, 8);
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(
    0,
    true,
  );
  const start = 8 + Number(length);
  if (start > file.size) throw wrong("its table of contents is cut short");
  let table: Record<string, Entry>;
  try {
    const json = new TextDecoder().decode(await file.read(8, Number(length)));
    table = JSON.parse(json) as Record<string, Entry>;
  } catch (cause) {
    throw wrong("its table of contents is no JSON", cause);
  }
  const { __metadata__: metadata, ...entries } = table as typeof table & {
    __metadata__?: Record<string, string>;
  };
  const tensors = new Map<string, SafeTensor>();
  for (const [key, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    const [from, to] = data_offsets;
    const count = shape.reduce((product, size) => product * size, 1);
    if (start + to > file.size) throw wrong(`${key} is cut short`);
    if (to - from !== count * (sizes[dtype] ?? NaN))
      throw wrong(
        `${key} must be of F32, F16 or BF16 and as long as its shape: it is of ${dtype}, ${to - from} bytes for [${shape.join(", ")}]`,
      );
    const read = async () =>
      floats(dtype, await file.read(start + from, to - from));
    tensors.set(key, { shape, read });
  }
  return { tensors, metadata: metadata ?? {} };
}

function floats(dtype: string, bytes: Uint8Array): Float32Array {
  if (dtype === "F32") return new Float32Array(bytes.slice().buffer);
  if (dtype === "F16") return new Float32Array(widenHalf(bytes).buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bits = Uint32Array.from(
    { length: bytes.byteLength / 2 },
    (_, i) => view.getUint16(2 * i, true) << 16,
  );
  return new Float32Array(bits.buffer);
}
